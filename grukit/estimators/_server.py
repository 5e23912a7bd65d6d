"""A fitted network that serves: packed once, with what every call needs."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import LinearLags, mean_of
from grukit.engines import select_engine

if TYPE_CHECKING:
    from grukit.estimators.fitted import FittedState


class Server:
    """A fitted network packed for steps of ``rows`` sequences."""

    def __init__(self, fitted: "FittedState", rows: int):
        if fitted.spec.decay:
            raise ValueError("With missing='decay' a prediction depends on the index; use predict(X).")
        self.fitted, self.rows = fitted.for_serving(), rows
        self._pack()

    def _pack(self) -> None:
        fitted = self.fitted
        self.spec, self.n_features, self.squeeze = fitted.spec, fitted.n_features, fitted.outputs.squeeze
        self.single = self.squeeze and not self.spec.per_step  # one number a window
        self.skips_first = fitted.skips_first
        self.engine = select_engine("cpu")
        kernels = self.engine.kernels
        self._network = self.spec.for_kernels(kernels)
        packed = kernels.aligned_empty(fitted.parameters.shape, fitted.parameters.dtype)
        kernels.pack_network(self._network, _writable(fitted.parameters), self.rows, packed)
        x_scaler, y_scaler = fitted.x_scaler, fitted.y_scaler
        scalers = [_writable(each) for each in (x_scaler.mean, x_scaler.scale, y_scaler.mean, y_scaler.scale)]
        linear, differenced = fitted.choices.final, fitted.choices.differenced
        self._served = kernels.Served(
            packed,
            *scalers,
            fitted.inputs.missing == "mask",
            None if differenced is None else _writable(differenced),
            None if linear is None else kernels.Lags(*_lags_of(linear)),
        )
        self._serve = kernels.ready_to_serve(self._network, self._served)
        self._begin = np.empty(kernels.states_size(self._network, self.rows), packed.dtype)
        kernels.begin_states(self._network, packed, self.rows, self._begin)
        self._own = threading.local()  # each thread's workspace, which takes as long to get as a small network to run

    def _work(self, T: int) -> np.ndarray:
        if getattr(self._own, "steps", 0) < T:
            kernels = self.engine.kernels
            size = kernels.serve_work_size(self._network, T, self.rows)
            self._own.work, self._own.steps = kernels.aligned_empty(size, self._begin.dtype), T
        return self._own.work

    def run(self, x: np.ndarray, first: int, states: np.ndarray) -> np.ndarray:
        """Take the steps of x (T, rows, D), float64 and C-contiguous, from row ``first`` and from ``states`` on.

        Returns predictions (T - first or 1, rows, K).
        """
        n_steps = len(x) - first
        outputs = np.empty((n_steps if self.spec.per_step else 1, self.rows, self.spec.n_outputs))
        self._serve(self._network, self._served, x, first, states, self._work(n_steps), outputs)
        return mean_of(outputs, self.fitted.y_scaler.link)

    @property
    def n_recent(self) -> int:
        """Rows before a step that its prediction reads, apart from the states: for differences and lags."""
        choices = self.fitted.choices
        lags = 0 if choices.final is None else len(choices.final.coef) - 1
        return max(lags, 0 if choices.differenced is None else 1)

    def new_states(self) -> np.ndarray:
        """States of all layers where every sequence begins, flat."""
        return self._begin.copy()

    def states_of(self, states: np.ndarray) -> np.ndarray:
        """A copy of states that came from elsewhere, in the type and size that the kernels take unasked."""
        if states.shape != self._begin.shape:
            raise ValueError(f"The states have the shape {states.shape}; this network's have {self._begin.shape}.")
        return np.array(states, dtype=self._begin.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """What pickles anywhere; kernels and packed weights are made anew."""
        return {"fitted": self.fitted, "rows": self.rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pack again."""
        self.__dict__.update(state)
        self._pack()


def _lags_of(linear: LinearLags) -> tuple[Any, ...]:
    """What the kernels are given of a linear part."""
    return *map(_writable, (linear.coef, linear.intercept, linear.mean)), linear.first_before


def _writable(array: np.ndarray) -> np.ndarray:
    """The array, or a copy, of the kind that the kernels are compiled for."""
    return np.require(array, requirements=["C", "W"])
