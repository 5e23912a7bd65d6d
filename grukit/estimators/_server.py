"""A fitted network that serves: packed once, with what every call needs."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import mean_of
from grukit.engines import select_engine

if TYPE_CHECKING:
    from grukit.estimators.fitted import FittedState


class Server:
    """A fitted network packed for steps of ``rows`` sequences."""

    def __init__(self, fitted: "FittedState", rows: int):
        if fitted.spec.decay:
            raise ValueError("With missing='decay' a prediction depends on the index; use predict(X).")
        self.rows, self.spec, self.squeeze = rows, fitted.spec, fitted.outputs.squeeze
        self.missing, self.n_features = fitted.inputs.missing, fitted.n_features
        self.x_scaler, self.y_scaler, self.choices = fitted.x_scaler, fitted.y_scaler, fitted.choices
        self.skips_first = fitted.choices.differenced is not None and not fitted.spec.per_step
        self._pack(fitted.parameters)

    def _pack(self, parameters: np.ndarray) -> None:
        self.single = self.squeeze and not self.spec.per_step  # one number a window
        self.parameters = parameters.copy()
        self.kernels = kernels = select_engine("cpu").kernels
        self._network = self.spec.for_kernels(kernels)
        packed = kernels.aligned_empty(parameters.shape, parameters.dtype)
        kernels.pack_network(self._network, self.parameters, self.rows, packed)
        scalers = (self.x_scaler.mean, self.x_scaler.scale, self.y_scaler.mean, self.y_scaler.scale)
        writable = (np.require(each, requirements=["C", "W"]) for each in scalers)
        linear, differenced = self.choices.final, self.choices.differenced
        if linear is not None:
            lags = (np.require(each, requirements=["C", "W"]) for each in (linear.coef, linear.intercept, linear.mean))
            linear = kernels.Lags(*lags)
        if differenced is not None:
            differenced = np.require(differenced, requirements=["C", "W"])
        self._served = kernels.Served(packed, *writable, self.missing == "mask", differenced, linear)
        self._serve = kernels.ready_to_serve(self._network, self._served)
        self._begin = np.empty(kernels.states_size(self._network, self.rows), parameters.dtype)
        kernels.begin_states(self._network, packed, self.rows, self._begin)
        self._own = threading.local()  # each thread's workspace, which takes as long to get as a small network to run

    def _work(self, T: int) -> np.ndarray:
        if getattr(self._own, "steps", 0) < T:
            size = self.kernels.serve_work_size(self._network, T, self.rows)
            self._own.work, self._own.steps = self.kernels.aligned_empty(size, self.parameters.dtype), T
        return self._own.work

    def run(self, x: np.ndarray, first: int, states: np.ndarray) -> np.ndarray:
        """Take the steps of x (T, rows, D), float64 and C-contiguous, from row ``first`` and from ``states`` on.

        Returns predictions (T - first or 1, rows, K).
        """
        n_steps = len(x) - first
        outputs = np.empty((n_steps if self.spec.per_step else 1, self.rows, self.spec.n_outputs))
        self._serve(self._network, self._served, x, first, states, self._work(n_steps), outputs)
        return mean_of(outputs, self.y_scaler.link)

    @property
    def n_recent(self) -> int:
        """Rows before a step that its prediction reads, apart from the states: for differences and lags."""
        lags = 0 if self.choices.final is None else len(self.choices.final.coef) - 1
        return max(lags, 0 if self.choices.differenced is None else 1)

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
        kept = (
            "rows",
            "spec",
            "squeeze",
            "missing",
            "n_features",
            "x_scaler",
            "y_scaler",
            "choices",
            "skips_first",
            "parameters",
        )
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pack again."""
        self.__dict__.update(state)
        self._pack(state["parameters"])
