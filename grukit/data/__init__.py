"""pandas and arrays to sequences, and outputs back to pandas. The only room that knows pandas."""

from grukit.data.context import Tail, continuation, given_context, tail_of
from grukit.data.frames import Table, check_columns, check_finite, read_table
from grukit.data.history import history_frame
from grukit.data.labels import choose_rows, feature_columns, lag_index, sample_index, step_index
from grukit.data.samples import Samples, select_samples
from grukit.data.scaling import Scaler
from grukit.data.sequences import Sequences, independent_rows, is_sequences, read_sequences, windows
from grukit.data.targets import TargetForm, check_same_index, read_targets, to_output

__all__ = [
    "Samples",
    "Scaler",
    "Sequences",
    "Table",
    "Tail",
    "TargetForm",
    "check_columns",
    "check_finite",
    "check_same_index",
    "choose_rows",
    "continuation",
    "feature_columns",
    "given_context",
    "history_frame",
    "independent_rows",
    "is_sequences",
    "lag_index",
    "read_sequences",
    "read_table",
    "read_targets",
    "sample_index",
    "select_samples",
    "step_index",
    "tail_of",
    "to_output",
    "windows",
]
