"""How much of the loss's gradient reaches the states, step by step back from the end."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from grukit.estimators.fitted import targets_of
from grukit.estimators.targets import Objective
from grukit.inspection._subject import Batch, Subject
from grukit.model import network_backward, network_forward
from grukit.train import LOSSES


def gradient_flow(model: Any, X: Any, y: Any, context: Any = "auto") -> pd.DataFrame:
    """Norm of dLoss/dh_t by the distance of the step t from the end, for each layer.

    Where it falls towards zero, what happened that far back could not be learned (a vanishing gradient); where it grows,
    training is unstable (an exploding one). The gradient is the exact, total one: through the layer's own later states and
    through the layers above.

    Parameters
    ----------
    model : GRURegressor or GRUClassifier
        Fitted.
    X, y : as in ``fit``
        Samples and their targets.
    context : "auto", None or table, default="auto"
        History before the first rows of a table, as in ``predict``.

    Returns
    -------
    DataFrame
        Index "distance": 0 is the state after a sample's last step, 1 the one before it. Columns "layer": 0, 1, ... Values:
        the Euclidean norm, over the units, of the gradient of a sample's own loss (the mean over its outputs, and over its
        steps where there is a target at every step), mean over the samples that are long enough. The loss is the one that
        training sees, without weights: of what the linear part leaves of the targets, standardised if ``standardize``.
        Samples without a target are left out. States have no unit.

    Raises
    ------
    TypeError
        Where ``model`` is no estimator of grukit.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    ValueError
        For a bidirectional model, an X that ``predict`` would refuse, a y that does not belong to it, one with other outputs
        than in ``fit``, or one that is missing altogether.

    References
    ----------
    Bengio, Simard and Frasconi (1994), Learning Long-Term Dependencies with Gradient Descent is Difficult.
    Pascanu, Mikolov and Bengio (2013), On the Difficulty of Training Recurrent Neural Networks.

    Examples
    --------
    >>> from grukit import GRURegressor
    >>> from grukit.datasets import load_nile
    >>> from grukit.inspection import gradient_flow
    >>> volume = load_nile()["volume"]
    >>> X, y = volume.to_frame()[:-1], volume.shift(-1)[:-1]
    >>> model = GRURegressor(4, window=10, max_iter=2, random_state=0).fit(X, y)
    >>> flow = gradient_flow(model, X, y)
    >>> flow.index.name, len(flow), bool(flow.loc[9, 0] < flow.loc[0, 0])
    ('distance', 10, True)
    """
    subject = Subject(model, X, context)
    if subject.spec.bidirectional:
        raise ValueError(
            "A bidirectional model reads in both directions, so its states have no one distance from the end."
        )
    targets = _targets(subject, y)
    samples = _with_targets(subject, targets)
    if len(samples) == 0:
        raise ValueError("y holds no target: all are missing.")
    n_layers, longest = len(subject.spec.hidden_layer_sizes), int(subject.sequences.lengths[samples].max())
    sums, counts = np.zeros((longest, n_layers)), np.zeros(longest)
    for batch in subject.batches(samples):
        distance = (batch.lengths - 1 - np.arange(len(batch.x))[:, None])[batch.within]
        counts += np.bincount(distance, minlength=longest)
        for k, d_h in enumerate(_state_gradients(subject, batch, targets)):
            norms = np.linalg.norm(d_h, axis=2)[batch.within]
            sums[:, k] += np.bincount(distance, norms, minlength=longest)
    return pd.DataFrame(
        sums / counts[:, None],
        index=pd.RangeIndex(longest, name="distance"),
        columns=pd.RangeIndex(n_layers, name="layer"),
    )


def _targets(subject: Subject, y: Any) -> np.ndarray:
    """Targets as the loss takes them, in the order of the samples or, one a step, of the values' rows."""
    targets = targets_of(subject.state, y, subject.work)
    if subject.table is not None:
        targets = subject.table.from_user_order(targets)
    linear = subject.state.choices.linear  # the one in training
    if linear is not None:
        predicted = linear.predict(subject.rows, subject.spec.per_step)
        if subject.state.classes is not None:  # what is added to the outputs stands behind the labels
            return np.hstack([targets, predicted])
        targets = targets - predicted
    return subject.state.y_scaler.transform(targets, "float64")


def _state_gradients(subject: Subject, batch: Batch, targets: np.ndarray) -> list[np.ndarray]:
    """Gradient (T, B, H) of every sample's loss with respect to the states of each layer, from the bottom up."""
    # With an output at every step, the backward pass leaves all the gradient that reached each state in ``d_states``.
    spec = replace(subject.spec, per_step=True)
    outputs, forward = network_forward(spec, subject.parameters, batch.x, batch.lengths)
    last = batch.lengths - 1, np.arange(len(batch.samples))
    d_outputs = np.zeros_like(outputs)
    if subject.spec.per_step:
        d_outputs = _loss_gradient(subject, batch, targets, outputs)
    else:
        d_outputs[last] = _loss_gradient(subject, batch, targets, outputs[last])
    network_backward(d_outputs, forward)
    return [cache.d_states for cache in forward.caches]


def _loss_gradient(subject: Subject, batch: Batch, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Gradient of each sample's own mean loss with respect to the outputs, (B, K) or (T, B, K)."""
    samples = batch.samples
    if not subject.spec.per_step:
        return _loss_derivative(subject.state.training.objective, outputs, targets[samples])
    steps, sequences = np.nonzero(batch.within)
    own = targets[subject.sequences.starts[samples[sequences]] + steps]
    d_outputs = np.zeros_like(outputs)
    slopes = _loss_derivative(subject.state.training.objective, outputs[steps, sequences], own)
    seen = ~np.isnan(own).all(axis=1)
    n_seen = np.bincount(sequences, seen, minlength=len(samples))
    d_outputs[steps, sequences] = slopes / n_seen[sequences, None]
    return d_outputs


def _with_targets(subject: Subject, targets: np.ndarray) -> np.ndarray:
    """Numbers of the samples that have any target."""
    seen = ~np.isnan(targets).all(axis=1)
    if subject.spec.per_step:
        seen = np.logical_or.reduceat(seen, subject.sequences.starts)
    return np.flatnonzero(seen)


def _loss_derivative(objective: Objective, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Derivative of the loss of each row of outputs (n, K); missing targets have none."""
    # Imported here, so that importing this module does not import numba.
    from grukit.kernels.scalar import loss_derivative

    K = outputs.shape[1]
    if objective.loss in ("cross_entropy", "log_loss") and targets.shape[1] > K:
        outputs, targets = outputs + targets[:, -K:], targets[:, :-K]
    if objective.loss == "cross_entropy":
        return softmax(outputs, axis=1) - (np.arange(outputs.shape[1]) == targets)
    if objective.loss == "log_loss":
        return (expit(outputs) - targets) / outputs.shape[1]
    assert not isinstance(objective.parameter, tuple)  # of forecasters alone
    kind, parameter = LOSSES[objective.loss], np.float64(objective.parameter)
    # Scalars of NumPy's: with Python's own, the float32 constants of the kernels would round the result to float32.
    slopes = [loss_derivative(kind, p, y, parameter) for p, y in zip(outputs.flat, targets.flat, strict=True)]
    seen = ~np.isnan(targets)
    return np.where(seen, np.reshape(slopes, outputs.shape), 0.0) / np.maximum(seen.sum(axis=1, keepdims=True), 1)
