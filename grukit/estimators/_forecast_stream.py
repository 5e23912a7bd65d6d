"""Forecasts from a state that advances a row at a time."""

import threading
from typing import Any

import numpy as np

from grukit.data import Scaler, calendar_at
from grukit.estimators._forecast import ForecastState
from grukit.estimators._forecast_server import check_series
from grukit.estimators._forecast_static import constants_of
from grukit.estimators._quantiles import in_order, point_of
from grukit.estimators.service import Stream


class ForecastStream:
    """The state of one or many series that advance a row at a time, and the forecasts from there.

    Made by ``forecaster.stream()``; later changes of the model do not reach it. A step costs the same however many came
    before. As long as no more than ``window`` rows were taken, its forecasts are those of ``predict(context=...)`` with these
    rows, in float64 to the last bit but for the calendar's sines. After that, ``predict`` sees the last ``window`` rows; so
    does the linear part here, but the layers' state is of all rows since the stream began (or was reset). It may be used from
    several threads, one step at a time, can be pickled, and releases the GIL while the network computes.

    Parameters
    ----------
    state : ForecastState
        What the model learned.
    keys : list of tuple
        The series.

    Attributes
    ----------
    n_steps : int
        Rows taken since the beginning or the last reset.
    """

    _lock: threading.Lock
    _recent: np.ndarray  # the latest rows (., n_series), of which the linear part reads

    def __init__(self, state: ForecastState, keys: list[tuple[Any, ...]]):
        _check(state, keys)
        self._constants = np.stack([constants_of(state, key) for key in keys])
        form = state.columns
        n = 2 * len(form.calendar)
        self._levels = Scaler(state.levels.mean[:n], state.levels.scale[:n])
        self._layout, self._linear = state.layout, state.final
        self._calendar, self._zone, self._kind = form.calendar, state.recent.series.zone, state.grid.kind
        self._quantiles, self._may_be_missing = state.quantiles, state.inputs.missing == "mask"
        self._mean, self._scale = np.array([state.figures[key] for key in keys]).T
        self._rows = 1 if state.layout.n_joint > 1 else len(keys)  # of the network
        self._differenced = state.choices.differenced is not None
        self._network = Stream(state, self._rows)
        self._lock = threading.Lock()
        self.reset()

    def step(self, y: Any, time: Any = None) -> np.ndarray:
        """Take a row, and forecast from there.

        Parameters
        ----------
        y : float, or array of shape (n_series,)
            The values of the series at this time, in their own units. NaN is an error, unless the model has
            ``missing="mask"``.
        time : Timestamp or Period, default=None
            Of a model with a calendar: the stamp of the row, one step after that of the row before. Others do not look at it.

        Returns
        -------
        ndarray of shape (horizon,), or (n_series, horizon)
            The steps ahead: of a number, or of an array. Medians, where quantiles are forecast.

        Raises
        ------
        ValueError
            Where the shape is wrong, a number is not finite or the time is none of the index of ``fit``; the state is then as
            before.
        """
        values = np.asarray(y, dtype=np.float64)
        n_series = len(self._mean)
        if values.shape != (n_series,) and not (n_series == 1 and values.ndim == 0):
            raise ValueError(f"A row of {n_series} series has the shape ({n_series},); got {values.shape}.")
        beside = self._beside(time)
        with self._lock:
            row = (np.atleast_1d(values) - self._mean) / self._scale
            x = np.hstack([row.reshape(self._rows, -1), beside[: self._rows]])
            outputs = np.asarray(self._network.step(x)).reshape(n_series, self._layout.horizon, -1)
            self._recent = np.concatenate([self._recent, np.atleast_1d(values)[None]])[-self._layout.window :]
            linear = self._linear.from_last((self._recent - self._mean) / self._scale, beside)
        ahead = point_of(self._quantiles, in_order(outputs + linear[:, :, None]))
        ahead = ahead * self._scale[:, None] + self._mean[:, None]
        return ahead[0] if values.ndim == 0 else ahead

    def _beside(self, time: Any) -> np.ndarray:
        """What is read beside the series (n_series, C): the calendar at a time, standardised, and constants of each."""
        if not self._calendar:
            return self._constants
        waves = self._levels.transform(calendar_at(time, self._calendar, self._kind, self._zone)[None], "float64")
        return np.hstack([np.repeat(waves, len(self._constants), axis=0), self._constants])

    def reset(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._network.reset()
            self._recent = np.empty((0, len(self._mean)))

    @property
    def n_steps(self) -> int:
        """Rows taken since the beginning or the last reset."""
        return self._network.n_steps

    @property
    def state(self) -> list[np.ndarray]:
        """Copies of all that the next step looks back at. Assign such a list to go on from it.

        The states of the layers, one array (n_series, units) a layer, of series that are read jointly (1, units), see
        :attr:`grukit.estimators.service.Stream.state`; and last an array (n, n_series) of the latest values, as many as a
        window holds, or as there were.
        """
        with self._lock:
            layers = self._network.state
            return [*(layers[:-1] if self._differenced else layers), self._recent.copy()]

    @state.setter
    def state(self, state: list[np.ndarray]) -> None:
        *layers, recent = list(state) or [np.empty(0)]
        recent = np.array(recent, dtype=np.float64)
        if recent.ndim != 2 or recent.shape[1] != len(self._mean) or len(recent) > self._layout.window:
            raise ValueError(
                f"The latest values, the last array of the state, have the shape (n, {len(self._mean)}), n up to "
                f"{self._layout.window}; got {recent.shape}."
            )
        if not (np.isfinite(recent) | (np.isnan(recent) & self._may_be_missing)).all():
            raise ValueError("The latest values, the last array of the state, hold NaN or infinity.")
        if self._differenced:  # the network looks back at the last row of the series, and at no calendar
            last = (recent[-1:] - self._mean) / self._scale
            n = self._layout.n_joint
            before = np.zeros((len(last), self._rows, n + len(self._levels.mean) + self._constants.shape[1]))
            before[:, :, :n] = last.reshape(len(last), self._rows, n)
            layers = [*layers, before]
        with self._lock:
            self._network.state = layers
            self._recent = recent

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """With a lock of its own."""
        self.__dict__.update(state)
        self._lock = threading.Lock()


def _check(state: ForecastState, keys: list[tuple[Any, ...]]) -> None:
    """Raise where the model's state cannot advance a row at a time, or there are no such series."""
    form = state.columns
    if form.past or form.known:
        raise ValueError(
            f"A stream reads the series alone; this model also has the covariates {form.past + form.known}. Use "
            "predict(context=...)."
        )
    if state.steps != state.layout.horizon:
        raise ValueError("A stream gives all steps at once, which strategy='recursive' does not.")
    if state.layout.segment > 1:
        raise ValueError(
            f"A stream goes on row by row from the network's state, which segment={state.layout.segment} reads "
            f"{state.layout.segment} rows at a time, counted back from the origin. Use predictor(), with the last window."
        )
    if state.final.normalize == "window":
        raise ValueError(
            "A stream keeps the layers' state, and with normalize='window' each row changes how all rows before are read. "
            "Use predictor(), or predict(context=...)."
        )
    if form.calendar and state.layout.decodes:
        raise ValueError(
            "A stream is told no stamps ahead, whose calendar strategy='decoder' reads. Fit with calendar=None, or use "
            "predict(context=...)."
        )
    for key in keys:
        check_series(state, key)
    if state.layout.n_joint > 1 and keys != state.recent.series.keys:
        raise ValueError("With channels='joint', all series advance together; leave series out.")
