"""The parameters of forecasters."""

from dataclasses import KW_ONLY
from numbers import Integral
from typing import Annotated, Any

import numpy as np

from grukit.estimators._checkpoint_parameters import CheckpointParameters
from grukit.estimators._declare import Choice, Number, Parameter, with_parameters
from grukit.estimators._parameters import COUNT, POSITIVE, SHARE

NORMALIZE = ("last", "mean", "window")
LOSSES = ("squared_error", "absolute_error", "huber")  # of one forecast


@with_parameters
class ForecastParameters(CheckpointParameters):
    """Parameters of networks, of their training, and of what is forecast."""

    _: KW_ONLY
    horizon: Annotated[int, Parameter(COUNT, text="Steps ahead.")] = 1
    strategy: Annotated[
        str,
        Parameter(
            Choice("direct", "recursive", "decoder"),
            text=""""direct": all steps from the last state. "recursive": one step at a time, fed back as if it were known; not
            with covariates known up to the origin only, nor ``channels="joint"``. "decoder": a GRU of its own goes on from
            the last state over the horizon, and reads the covariates and the calendar of each step ahead where they are known;
            with ``segment``, each segment of the horizon is decoded at once, from the last state and its position. For the
            GRU cells; dropout does not reach it.""",
        ),
    ] = "direct"
    window: Annotated[
        int,
        Parameter(
            COUNT,
            text="""Rows of history that a forecast sees at most. A series that is shorter, and origins near the beginning of
            one, are seen with the history that exists.""",
        ),
    ] = 48
    segment: Annotated[
        int | None,
        Parameter(
            COUNT,
            None,
            text="""Rows that the network reads as one step, counted back from the origin, so that a window of 720 rows takes
            30 steps of 24 (SegRNN, Lin et al. 2023). The oldest step holds what is left of a window, and zeros, the mean,
            before it. The linear part reads rows. None: each row is a step.""",
        ),
    ] = None
    channels: Annotated[
        str,
        Parameter(
            Choice("shared", "joint"),
            text="""Of several series: "shared": one network forecasts each from itself, whichever it is. "joint": one network
            reads all columns of a DataFrame and forecasts all of them.""",
        ),
    ] = "shared"
    normalize: Annotated[
        str | None,
        Parameter(
            Choice("auto", *NORMALIZE),
            None,
            text="""What a window and the values ahead of it are relative to, so that the forecast moves with it: "last": its
            latest value. "mean": its mean. With both, the network receives changes from row to row. "window": its mean, and
            in units of its standard deviation (Kim et al. 2022), so that the forecast grows with it, too; to which a hundredth
            of what is typical of windows is added, as the root of the sum of squares, so that constant ones stay finite. Not
            for streams, and on the CPU alone. None: nothing but the series' mean in training. "auto": that of "last", "mean"
            and None with which the linear part has the least error in blocks of the training part; of a series that drifts, or
            has fewer than 400 origins, "last", unless another is surely better there.""",
        ),
    ] = "auto"
    linear_lags: Annotated[
        int | str,
        Parameter(
            Number(Integral, 0, None, closed="left"),
            Choice("auto"),
            text="""Rows of the linear part, a ridge regression of all steps ahead on the window, at which training of the
            network begins, stacked with such of fewer rows and the seasonal naive forecast. 0: none. "auto": the window, or
            as many rows as make 1024 regressors, but no more than half as many as there are origins that have them. Fitted to
            20 origins at least, of one row to 4; to fewer there is none. Where ``normalize`` is "auto", too, the learning rate
            is constant, 400 origins train at least, and training with "adam" more than halves the loss that is watched for
            early stopping, a network alone is then trained, without a linear part and ``normalize=None``, from 2.5 times the
            rate down along a cosine over all of ``max_iter`` epochs, and kept where its loss is the less (``alone_`` <
            0.95).""",
        ),
    ] = "auto"
    calendar: Annotated[
        Any,
        Parameter(
            Choice("auto"),
            list,
            tuple,
            None,
            kind='sequence of str, "auto" or None',
            text="""Fields of the calendar, of which sines and cosines are read: "minute", "hour", "dayofweek", "dayofyear",
            "month", "quarter". "auto": what turns at least twice in the longest series, of those that steps are shorter
            than; and none of it where the linear part forecasts later blocks of the training part no better with it.""",
        ),
    ] = "auto"
    missing: Annotated[
        str,
        Parameter(
            Choice("error", "mask"),
            text="""What NaN, and rows that are missing in the index, mean. "mask": the mean stands in, a second input tells
            that the value is missing, and steps ahead without a value are left out of the loss.""",
        ),
    ] = "error"
    handle_unknown: Annotated[
        str,
        Parameter(
            Choice("error", "mean"),
            text="""What a category in ``static`` is that ``fit`` did not have: an error, or the mean of those that it had,
            each counted as often as there were series of it.""",
        ),
    ] = "error"
    calibration_fraction: Annotated[
        float | None,
        Parameter(
            SHARE,
            None,
            text="""With ``calibration="split"``, share of the origins, the last in time, that is no part of training and
            calibrates the intervals; at least 19 origins. In the end the linear part is fitted to them, too. Where less than
            half of all would be left for training, there are no intervals. None: none at all, and the whole of the network's
            part is taken.""",
        ),
    ] = 0.1
    calibration: Annotated[
        str,
        Parameter(
            Choice("auto", "split", "folds"),
            text="""Where the errors that calibrate intervals come from. "split": from the last ``calibration_fraction`` of the
            origins, which are no part of training. "folds": from five blocks of the later half of the origins, each forecast
            by a copy that is fitted to what lies before it, while the model itself learns from all but what early stopping
            watches; such a fit takes four to six times as long. Where copies that learned from more forecast much better,
            errors are made smaller by what their learning curve says. "auto": folds of at most 2500 origins, but not with
            ``warm_start``, where those origins of the split calibrate whose truths no fit before has learned
            from. The same origins tell how much of the network's part is taken, ``network_weight_``.""",
        ),
    ] = "auto"
    adaptation_rate: Annotated[
        float | None,
        Parameter(
            SHARE,
            None,
            text="""How fast ``update`` corrects how wide intervals are, by how often the new values were outside: the step
            size of adaptive conformal inference (Gibbs and Candes 2021), such as 0.02. None: they stay as they were
            calibrated.""",
        ),
    ] = None
    # As those of GRURegressor.
    early_stopping: Annotated[
        bool | str,
        Parameter(
            "boolean",
            Choice("auto"),
            text="""Hold out the last origins before those of calibration, watch the loss there, and keep the weights of the
            best epoch, or the linear part alone. "auto": from 50 origins on, if half of them are left for training.""",
        ),
    ] = "auto"
    learning_rate_init = 0.002
    max_iter = 150
    n_iter_no_change = 30
    validation_fraction: Annotated[
        float,
        Parameter(
            SHARE,
            text="""Share of the origins that early stopping holds out, the last in time before those of calibration. Origins
            from which a step ahead is among those of the ones held out are used by neither.""",
        ),
    ] = 0.1
    standardize: Annotated[
        bool,
        Parameter(
            "boolean",
            text="""Standardise inside each series by its own mean and deviation, and the covariates, with figures from the
            training part alone, and map forecasts back. A series that was not there in ``fit``, or does not begin to vary
            before the training part ends: by those of its context, or of all its rows. Where nothing varies at all, the
            median deviation of the other series stands in.""",
        ),
    ] = True
    loss: Annotated[
        str,
        Parameter(
            Choice(*LOSSES),
            text="What is minimised, a mean over origins and steps: (p - y)^2; abs(p - y); Huber's loss.",
        ),
    ] = "squared_error"
    quantiles: Annotated[
        Any,
        Parameter(
            list,
            tuple,
            np.ndarray,
            None,
            kind="sequence of float or None",
            text="""Levels of quantiles, in ascending order and 0.5 among them, of which the network has an output each,
            trained by the mean of their pinball losses in place of ``loss``. They never cross. ``predict`` gives the median,
            ``predict_quantiles`` all of them, and intervals are as wide as they say, calibrated. Not with
            ``strategy="recursive"``. None: one forecast of each step.""",
        ),
    ] = None
    delta: Annotated[
        float,
        Parameter(
            POSITIVE,
            text="""Where Huber's loss turns from square to straight, in root mean squares of what the linear part leaves.""",
        ),
    ] = 1.0
