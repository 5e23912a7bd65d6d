"""Forecasts of windows without checks: the record of a forecaster as one of a regressor of the last rows on all steps."""

from dataclasses import replace
from typing import Any

import numpy as np

from grukit.data import FLOOR, LinearLags, Scaler, label_of
from grukit.estimators._choices import Choices
from grukit.estimators._forecast import ForecastState
from grukit.estimators._forecast_static import constants_of
from grukit.estimators._quantiles import in_order, point_of
from grukit.estimators.service import Predictor


class ForecastPredictor:
    """Forecasts of windows of one series, without the checks of ``predict``: a call takes microseconds.

    Made by ``forecaster.predictor()``; later changes of the model do not reach it. It may be used from several threads at
    once, and releases the GIL while it computes. NaN gives NaN.

    Parameters
    ----------
    state : ForecastState
        What the model learned.
    key : tuple
        The series.

    Attributes
    ----------
    n_rows : int
        Rows that a window must have; of a longer one, the last as many as the model's window are seen.
    """

    def __init__(self, state: ForecastState, key: tuple[Any, ...]):
        if more := _more_than_values(state):
            raise ValueError(
                f"A predictor is for windows of one series alone; this model has {more}. Use predict(context=...)"
                f"{', or fit with calendar=None' if state.columns.calendar else ''}."
            )
        if state.steps != state.layout.horizon:
            raise ValueError("A predictor gives all steps at once, which strategy='recursive' does not.")
        check_series(state, key)
        self._window = state.layout.window
        self._levels, M = state.quantiles, max(len(state.quantiles), 1)
        mean, scale = state.figures[key]
        self._floor = FLOOR * state.final.unit * scale if state.final.normalize == "window" else None
        if self._floor is not None:  # windows and forecasts are in units of their own
            mean, scale = 0.0, 1.0
        self._constants = constants_of(state, key)
        lags = _lags(state, self._constants, mean, scale)
        lags = LinearLags(np.repeat(lags.coef, M, axis=2), np.repeat(lags.intercept, M), lags.mean)
        self.n_rows = len(lags.coef) if self._floor is None else self._window
        differenced, own = state.choices.differenced, state.x_scaler
        units, origin = np.ones(len(own.mean)), np.zeros(len(own.mean))
        units[0], origin[0] = scale, mean if differenced is None else 0.0
        x_scaler = Scaler(own.mean * units + origin, own.scale * units)
        y_scaler = Scaler(state.y_scaler.mean, state.y_scaler.scale * (scale / state.final.unit))
        K = state.steps * M
        choices = Choices(lags, lags, np.full(K, -1), np.full(K, np.inf), differenced, {})
        self._predict = Predictor(replace(state, x_scaler=x_scaler, y_scaler=y_scaler, choices=choices))

    def __call__(self, window: Any) -> np.ndarray:
        """Forecast.

        Parameters
        ----------
        window : array of shape (n_rows,), or (n_windows, n_rows)
            The last values of the series, or a batch of such windows, in its own unit; the latest one last.

        Returns
        -------
        ndarray of shape (horizon,), or (n_windows, horizon)
            Medians, where quantiles are forecast.

        Raises
        ------
        ValueError
            Where the shape is wrong.
        """
        values = np.asarray(window, dtype=np.float64)
        if values.ndim not in (1, 2) or values.shape[-1] < self.n_rows:
            raise ValueError(
                f"A window has at least {self.n_rows} values, a batch (n_windows, {self.n_rows}); got {values.shape}."
            )
        values = values[..., -self._window :]
        if self._floor is None:
            return self._forecasts(values)
        mean = values.mean(axis=-1, keepdims=True)
        spread = np.hypot(values.std(axis=-1, keepdims=True), self._floor)
        return mean + spread * self._forecasts((values - mean) / spread)

    def _forecasts(self, values: np.ndarray) -> np.ndarray:
        """Forecasts, or medians, of windows."""
        x, n = values[..., None], len(self._constants)
        if n:
            x = np.concatenate([x, np.broadcast_to(self._constants, (*values.shape, n))], axis=-1)
        outputs = self._predict(x)
        if not self._levels:
            return outputs
        return point_of(self._levels, in_order(outputs.reshape(*outputs.shape[:-1], -1, len(self._levels))))


def check_series(state: ForecastState, key: tuple[Any, ...]) -> None:
    """Raise where no series of ``fit`` is called so."""
    if key not in state.figures:
        some, given = [label_of(each) for each in list(state.figures)[:3]], label_of(key)
        raise ValueError(f"series must name one of those of fit, such as {some}; got {given!r}.")


def _lags(state: ForecastState, constants: np.ndarray, mean: float, scale: float) -> LinearLags:
    """The linear part of a series in its own unit, as a map of lags; of its ``constants`` (n,) the lags are not looked at."""
    lags = _lags_of_series(state, constants, mean, scale)
    L, _, H = lags.coef.shape
    coef = np.concatenate([lags.coef, np.zeros((L, len(constants), H))], axis=1)
    return LinearLags(coef, lags.intercept, np.append(lags.mean, np.zeros(len(constants))))


def _lags_of_series(state: ForecastState, constants: np.ndarray, mean: float, scale: float) -> LinearLags:
    linear, H = state.final, state.steps
    coef, intercept = np.zeros((1, H)), np.zeros(H)
    if linear.maps:
        n, coef, intercept = linear.maps[0]
        coef, intercept = coef[:n], intercept + constants[: len(coef) - n] @ coef[n:]
    if linear.normalize in (None, "window"):
        return LinearLags(coef[:, None].copy(), mean + scale * intercept, np.array([mean]))
    rows = state.layout.window if linear.normalize == "mean" else len(coef)
    whole = np.zeros((rows, 1, H))
    whole[: len(coef), 0] = coef
    left = 1.0 - coef.sum(axis=0)  # of the base that everything is relative to
    if linear.normalize == "mean":
        whole += left / rows
    else:
        whole[0, 0] += left
    return LinearLags(whole, scale * intercept, np.zeros(1))


def _more_than_values(state: ForecastState) -> str:
    """What a model reads beside the last values of one series, in words."""
    form, found = state.columns, []
    if state.layout.n_joint > 1:
        found.append("channels='joint'")
    if form.past or form.known:
        found.append(f"the covariates {[*form.past, *form.known]}")
    if form.calendar:
        found.append(f"the calendar {form.calendar}")
    if state.inputs.missing != "error":
        found.append(f"missing={state.inputs.missing!r}")
    return " and ".join(found)
