"""Forecasts of windows without checks: the record of a forecaster as one of a regressor of the last rows on all steps."""

from dataclasses import replace
from typing import Any

import numpy as np

from grukit.data import FLOOR, LinearLags, Scaler
from grukit.estimators._choices import Choices
from grukit.estimators._forecast import ForecastState
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
        if state.layout.n_joint > 1 or state.columns.columns or state.inputs.missing != "error":
            raise ValueError(
                "A predictor is for windows of one series alone: not for channels='joint', covariates, a calendar or missing "
                "values. Use predict(context=...), or fit with calendar=None."
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
        lags = _lags(state, mean, scale)
        lags = LinearLags(np.repeat(lags.coef, M, axis=2), np.repeat(lags.intercept, M), lags.mean)
        self.n_rows = len(lags.coef) if self._floor is None else self._window
        differenced, own = state.choices.differenced, state.x_scaler
        x_scaler = Scaler(own.mean * scale + (mean if differenced is None else 0.0), own.scale * scale)
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
            return self._point(self._predict(values[..., None]))
        mean = values.mean(axis=-1, keepdims=True)
        spread = np.hypot(values.std(axis=-1, keepdims=True), self._floor)
        return mean + spread * self._point(self._predict(((values - mean) / spread)[..., None]))

    def _point(self, outputs: np.ndarray) -> np.ndarray:
        """Forecasts, or medians, of what the network gives."""
        if not self._levels:
            return outputs
        return point_of(self._levels, in_order(outputs.reshape(*outputs.shape[:-1], -1, len(self._levels))))


def check_series(state: ForecastState, key: tuple[Any, ...]) -> None:
    """Raise where no series of ``fit`` is called so."""
    if key not in state.figures:
        raise ValueError(f"series must name one of those of fit, such as {list(state.figures)[:3]}; got {key!r}.")


def _lags(state: ForecastState, mean: float, scale: float) -> LinearLags:
    """The linear part of a series in its own unit, as a map of lags."""
    linear, H = state.final, state.steps
    coef, intercept = np.zeros((1, H)), np.zeros(H)
    if linear.maps:
        coef, intercept = linear.maps[0].coef, linear.maps[0].intercept
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
