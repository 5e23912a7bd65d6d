"""Predictions without checks, and one step at a time. What can be checked of a fitted model is checked once, beforehand."""

import threading
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import stand_alone
from grukit.estimators._server import Server
from grukit.train import predict

if TYPE_CHECKING:
    from grukit.estimators.fitted import FittedState


class Predictor:
    """Predictions of windows, without the checks of ``predict``: a call takes microseconds.

    Made by ``model.predictor()``; later changes of the model do not reach it. It may be used from several threads at once,
    and releases the GIL while it computes. NaN gives NaN, unless the model has
    ``missing="mask"``.

    Parameters
    ----------
    fitted : FittedState
        What the model learned.

    Examples
    --------
    >>> import numpy as np
    >>> from grukit import GRURegressor
    >>> X = np.sin(np.arange(200.0))[:, None]
    >>> model = GRURegressor(4, window=12, max_iter=2, random_state=0).fit(X[:-1], X[1:, 0])
    >>> predict = model.predictor()
    >>> bool(np.isclose(predict(X[100:112]), model.predict(X)[111]))
    True
    """

    def __init__(self, fitted: "FittedState"):
        self._one = Server(fitted, 1)

    def __call__(self, x: Any) -> Any:
        """Predict.

        Parameters
        ----------
        x : array of shape (n_steps, n_features), or (n_windows, n_steps, n_features)
            One window or a batch of equal length, in the units that the model was fitted with. The history of a table's
            row ends with the row itself.

        Returns
        -------
        float or ndarray
            One window: a float, or (n_outputs,) where y had an axis of outputs. A batch: (n_windows,) or
            (n_windows, n_outputs). With an output at every step, an axis of steps before that of outputs. Of a classifier,
            the outputs are the probabilities of ``predict_proba``, (n_classes,) or (n_windows, n_classes).

        Raises
        ------
        ValueError
            Where the shape is wrong.
        """
        x = np.asarray(x, dtype=np.float64, order="C")
        n_features = self._one.n_features
        if x.ndim not in (2, 3) or x.shape[-1] != n_features or 0 in x.shape:
            raise ValueError(
                f"A window has the shape (n_steps, {n_features}), a batch (n_windows, n_steps, {n_features}); got {x.shape}."
            )
        if x.ndim == 2:
            first = 1 if self._one.skips_first and len(x) > 1 else 0
            outputs = self._one.run(x[:, None], first, self._one.new_states())
            return outputs.item() if self._one.single else self._shaped(outputs[:, 0])
        return self._shaped(self._batch(x))

    def _batch(self, x: np.ndarray) -> np.ndarray:
        """Predictions (n, T or 1, K) of windows (n, T, D)."""
        server, (n, T, D) = self._one, x.shape
        fitted, windows = server.fitted, stand_alone(x.reshape(n * T, D), np.full(n, T))
        samples = fitted.unlabelled(server.engine, windows)
        outputs = predict(server.engine.kernels, fitted.spec, fitted.parameters, samples)
        return fitted.predictions(outputs, windows).reshape(n, T if fitted.spec.per_step else 1, -1)

    def _shaped(self, outputs: np.ndarray) -> Any:
        """Outputs (..., T or 1, K) without the axes that the targets did not have."""
        if not self._one.spec.per_step:
            outputs = outputs[..., 0, :]
        if not self._one.squeeze:
            return outputs
        return outputs[..., 0]


class Stream:
    """The state of one or many series that advance a step at a time.

    Made by ``model.stream()``; later changes of the model do not reach it. A step costs the same however many came before:
    the history is every step since the stream began (or was reset), not only the last ``window``, and agrees with
    ``predict`` on that history as one sequence, in float64 to the last bit. It may be used from several threads, one step
    at a time, can be pickled, and releases the GIL while it computes.

    Parameters
    ----------
    fitted : FittedState
        What the model learned.
    n_series : int, default=1
        Series that advance together.

    Attributes
    ----------
    n_steps : int
        Steps taken since the beginning or the last reset.
    """

    _server: Server
    _lock: threading.Lock
    _states: np.ndarray
    _recent: np.ndarray  # the last rows, (., n_series, D), for differences and lags
    n_steps: int

    def __init__(self, fitted: "FittedState", n_series: int = 1):
        if not isinstance(n_series, Integral) or isinstance(n_series, bool) or n_series < 1:
            raise ValueError(f"n_series must be a positive integer; got {n_series!r}.")
        if fitted.spec.bidirectional:
            raise ValueError("A bidirectional model reads a window from both ends, so it cannot go on step by step.")
        self._server = Server(fitted, int(n_series))
        self._lock = threading.Lock()
        self.reset()

    def step(self, x: Any) -> Any:
        """Take one time step.

        Parameters
        ----------
        x : array of shape (n_features,), or (n_series, n_features)
            The step's features, in the units that the model was fitted with. NaN is an error, unless the model has
            ``missing="mask"``: it would stay in the state.

        Returns
        -------
        float or ndarray
            The prediction after this step: a float, or (n_outputs,) where y had an axis of outputs; for a 2-D x
            (n_series,) or (n_series, n_outputs). Of a classifier, the probabilities of ``predict_proba``: (n_classes,) or
            (n_series, n_classes).

        Raises
        ------
        ValueError
            Where the shape is wrong or a number is not finite; the state is then as before.
        """
        x = np.asarray(x, dtype=np.float64)
        rows, D = self._server.rows, self._server.n_features
        if x.shape != (rows, D) and not (rows == 1 and x.shape == (D,)):
            raise ValueError(f"A step of {rows} series has the shape ({rows}, {D}); got {x.shape}.")
        if not self._may_be(x).all():
            raise ValueError(f"A step must hold finite numbers; got {x.tolist()}.")
        with self._lock:
            recent = np.concatenate([self._recent, x.reshape(1, rows, D)])
            # No difference yet: a step that leaves nothing behind.
            alone = self._server.skips_first and len(self._recent) == 0
            outputs = self._server.run(recent, len(recent) - 1, self._states.copy() if alone else self._states)[0]
            self._recent = recent[max(0, len(recent) - self._server.n_recent) :]
            self.n_steps += 1
        if x.ndim == 1:
            return float(outputs[0, 0]) if self._server.squeeze else outputs[0]
        return outputs[:, 0] if self._server.squeeze else outputs

    def _may_be(self, x: np.ndarray) -> np.ndarray:
        """Which numbers a step may hold: finite ones, and NaN where the model knows missing values."""
        return np.isfinite(x) | (np.isnan(x) & (self._server.fitted.inputs.missing == "mask"))

    def reset(self) -> None:
        """Forget all steps."""
        with self._lock:
            self._states = self._server.new_states()
            self._recent = np.empty((0, self._server.rows, self._server.n_features))
            self.n_steps = 0

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        rows, sizes = self._server.rows, self._server.spec.hidden_layer_sizes
        carried = len(self._states) // (rows * sum(sizes))
        return [(rows, H) if carried == 1 else (carried, rows, H) for H in sizes]

    @property
    def state(self) -> list[np.ndarray]:
        """Copies of the states, one array (n_series, units) a layer. Assign such a list to go on from it.

        Of the unit with two states (3, n_series, units): h, c and the output. Of a model with differences or a linear part
        a last array (n, n_series, n_features) holds the latest rows, as many as the next step looks back at, or as there
        were.
        """
        with self._lock:
            shapes, states, recent = self._shapes, self._states.copy(), self._recent.copy()
        pieces = np.split(states, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        layers = [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        return [*layers, recent] if self._server.n_recent else layers

    @state.setter
    def state(self, state: list[np.ndarray]) -> None:
        shapes, server, given = self._shapes, self._server, list(state)
        recent = np.empty((0, server.rows, server.n_features))
        if server.n_recent:
            if len(given) != len(shapes) + 1:
                raise ValueError(
                    f"The state has {len(shapes)} arrays and one of the latest rows, of a model with differences or a linear "
                    f"part; got {len(given)}."
                )
            recent = np.array(given.pop(), dtype=np.float64)
            if recent.shape[1:] != (server.rows, server.n_features) or len(recent) > server.n_recent:
                raise ValueError(
                    f"The latest rows, the last array of the state, have the shape (n, {server.rows}, "
                    f"{server.n_features}), n up to {server.n_recent}; got {recent.shape}."
                )
        arrays = [np.asarray(layer, dtype=self._states.dtype) for layer in given]
        if [array.shape for array in arrays] != shapes:
            raise ValueError(f"The state has arrays of the shapes {shapes}; got {[array.shape for array in arrays]}.")
        if not (all(np.isfinite(array).all() for array in arrays) and self._may_be(recent).all()):
            raise ValueError("The state holds NaN or infinity.")
        with self._lock:
            self._states, self._recent = np.concatenate([array.ravel() for array in arrays]), recent

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """With a lock of its own."""
        self.__dict__.update(state)
        self._states = self._server.states_of(self._states)  # joblib may have mapped them from a file, read-only
        self._lock = threading.Lock()
