"""pandas and arrays to sequences, and outputs back to pandas. The only room that knows pandas."""

from grukit.data.containers import as_samples, unmasked
from grukit.data.context import Tail, continuation, given_context, tail_of
from grukit.data.features import Features
from grukit.data.folds import folds_in_time
from grukit.data.frames import Table, check_columns, check_finite, plain_numbers, read_table
from grukit.data.history import COLUMNS, history_frame
from grukit.data.indexes import choose_rows, feature_columns, lag_index, sample_index, step_index
from grukit.data.labels import Classes, as_labels, read_labels
from grukit.data.lags import LinearLags, left_by
from grukit.data.links import LINKS, log_probability_of, mean_of
from grukit.data.missing import (
    check_any_seen,
    encode_inputs,
    fit_inputs,
    sequences_with_time,
)
from grukit.data.predictions import as_probabilities
from grukit.data.ridge import FittedLinear, choose_anchors, fit_linear
from grukit.data.samples import ALL_ALIKE, HeldOut, Samples, select_samples
from grukit.data.scaling import Scaler
from grukit.data.sequences import Sequences, independent_rows, is_sequences, read_sequences, stand_alone, windows
from grukit.data.targets import TargetForm, check_same_index, read_targets, to_output
from grukit.data.times import Pace, as_times, time_between, time_kind, time_since

__all__ = [
    "ALL_ALIKE",
    "COLUMNS",
    "LINKS",
    "Classes",
    "Features",
    "FittedLinear",
    "HeldOut",
    "LinearLags",
    "Pace",
    "Samples",
    "Scaler",
    "Sequences",
    "Table",
    "Tail",
    "TargetForm",
    "as_labels",
    "as_probabilities",
    "as_samples",
    "as_times",
    "check_any_seen",
    "check_columns",
    "check_finite",
    "check_same_index",
    "choose_anchors",
    "choose_rows",
    "continuation",
    "encode_inputs",
    "feature_columns",
    "fit_inputs",
    "fit_linear",
    "folds_in_time",
    "given_context",
    "history_frame",
    "independent_rows",
    "is_sequences",
    "lag_index",
    "left_by",
    "log_probability_of",
    "mean_of",
    "plain_numbers",
    "read_labels",
    "read_sequences",
    "read_table",
    "read_targets",
    "sample_index",
    "select_samples",
    "sequences_with_time",
    "stand_alone",
    "step_index",
    "tail_of",
    "time_between",
    "time_kind",
    "time_since",
    "to_output",
    "unmasked",
    "windows",
]
