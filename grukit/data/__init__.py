"""pandas and arrays to sequences, and outputs back to pandas. The room that knows pandas best."""

from grukit.data.aligned import check_same_index
from grukit.data.backtests import backtest_origins, beside_truth, going_on, joined, up_to
from grukit.data.calendar_gain import calendar_tells
from grukit.data.containers import as_samples
from grukit.data.context import Tail, continuation, given_context, tail_of
from grukit.data.covariate_form import CovariateForm
from grukit.data.covariates import CALENDAR, calendar_at
from grukit.data.cutting import up_to_position
from grukit.data.embedded import widened
from grukit.data.features import Features
from grukit.data.folds import folds_in_time, folds_of_classes
from grukit.data.frames import Table, check_columns, check_different_names, check_finite, plain_numbers, read_table
from grukit.data.given import plain_name
from grukit.data.grid import Grid
from grukit.data.history import history_frame
from grukit.data.horizon import Horizons, Rows
from grukit.data.horizon_ridge import FittedHorizon, fit_horizon, most_lags
from grukit.data.indexes import choose_rows, feature_columns, lag_index, sample_index, step_index
from grukit.data.known import all_known, rows_after
from grukit.data.labels import Classes, as_labels, read_labels
from grukit.data.lags import LinearLags, left_by
from grukit.data.layout import Layout
from grukit.data.linear_horizon import FLOOR, LagMap, LinearHorizon
from grukit.data.links import LINKS, RAREST, log_probability_of, mean_of, outputs_of
from grukit.data.logistic import fit_logistic
from grukit.data.long_arrays import blocks_of_rows, joined_rows, long_array, rows_of, with_column
from grukit.data.matching import rows_at
from grukit.data.members import (
    Members,
    beside_each_other,
    covariate_parts,
    one_below_another,
    series_frame,
    series_parts,
    table_parts,
)
from grukit.data.missing import (
    check_any_seen,
    encode_inputs,
    encode_relative,
    fit_inputs,
    sequences_with_time,
)
from grukit.data.observed import Observed
from grukit.data.origins import FEWEST_JUDGED, first_held_out, origins_of
from grukit.data.packed import PackedSeries, are_of_kind
from grukit.data.parts_in_time import in_blocks
from grukit.data.predictions import as_probabilities
from grukit.data.quiet import quiet, with_filters
from grukit.data.ridge import FittedLinear, choose_anchors, fit_linear
from grukit.data.samples import ALL_ALIKE, HeldOut, Samples, select_samples
from grukit.data.scaling import Scaler
from grukit.data.sequences import Sequences, independent_rows, is_sequences, read_sequences, stand_alone, windows
from grukit.data.series import SeriesForm, SeriesSet, label_of, read_series
from grukit.data.static import MOST_CATEGORIES, StaticColumn, fit_static, read_static
from grukit.data.targets import TargetForm, as_numbers, read_targets, to_output
from grukit.data.times import Pace, as_times, time_between, time_kind, time_since
from grukit.data.written import interval_columns, quantile_columns, sample_columns, write_forecasts

__all__ = [
    "ALL_ALIKE",
    "CALENDAR",
    "FEWEST_JUDGED",
    "FLOOR",
    "LINKS",
    "MOST_CATEGORIES",
    "RAREST",
    "Classes",
    "CovariateForm",
    "Features",
    "FittedHorizon",
    "FittedLinear",
    "Grid",
    "HeldOut",
    "Horizons",
    "LagMap",
    "Layout",
    "LinearHorizon",
    "LinearLags",
    "Members",
    "Observed",
    "Pace",
    "PackedSeries",
    "Rows",
    "Samples",
    "Scaler",
    "Sequences",
    "SeriesForm",
    "SeriesSet",
    "StaticColumn",
    "Table",
    "Tail",
    "TargetForm",
    "all_known",
    "are_of_kind",
    "as_labels",
    "as_numbers",
    "as_probabilities",
    "as_samples",
    "as_times",
    "backtest_origins",
    "beside_each_other",
    "beside_truth",
    "blocks_of_rows",
    "calendar_at",
    "calendar_tells",
    "check_any_seen",
    "check_columns",
    "check_different_names",
    "check_finite",
    "check_same_index",
    "choose_anchors",
    "choose_rows",
    "continuation",
    "covariate_parts",
    "encode_inputs",
    "encode_relative",
    "feature_columns",
    "first_held_out",
    "fit_horizon",
    "fit_inputs",
    "fit_linear",
    "fit_logistic",
    "fit_static",
    "folds_in_time",
    "folds_of_classes",
    "given_context",
    "going_on",
    "history_frame",
    "in_blocks",
    "independent_rows",
    "interval_columns",
    "is_sequences",
    "joined",
    "joined_rows",
    "label_of",
    "lag_index",
    "left_by",
    "log_probability_of",
    "long_array",
    "mean_of",
    "most_lags",
    "one_below_another",
    "origins_of",
    "outputs_of",
    "plain_name",
    "plain_numbers",
    "quantile_columns",
    "quiet",
    "read_labels",
    "read_sequences",
    "read_series",
    "read_static",
    "read_table",
    "read_targets",
    "rows_after",
    "rows_at",
    "rows_of",
    "sample_columns",
    "sample_index",
    "select_samples",
    "sequences_with_time",
    "series_frame",
    "series_parts",
    "stand_alone",
    "step_index",
    "table_parts",
    "tail_of",
    "time_between",
    "time_kind",
    "time_since",
    "to_output",
    "up_to",
    "up_to_position",
    "widened",
    "windows",
    "with_column",
    "with_filters",
    "write_forecasts",
]
