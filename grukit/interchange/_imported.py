"""Networks of other libraries as estimators, and what classes their outputs tell apart."""

from dataclasses import replace
from typing import Any

import numpy as np

from grukit.data import Classes
from grukit.interchange._fitted import Around, fitted_model
from grukit.interchange._network import Network, check_finite

NO_CLASSES = "its outputs are no probabilities; classes are for softmax and sigmoid."


def imported(network: Network, classes: Any, window: int | None) -> Any:
    """The estimator of a network that another library trained; with ``classes`` a classifier.

    Raises
    ------
    ValueError
        Where a weight is not finite, the window is none, or the classes are not as many as outputs.
    """
    check_finite(network)
    if classes is None:
        return fitted_model(network, Around(), window)
    network, known = classified(network, "softmax" if network.spec.n_outputs > 1 else "sigmoid", classes)
    return fitted_model(network, Around(known, known.link), window)


def classified(network: Network, link: str, labels: Any) -> tuple[Network, Classes]:
    """The network of a classifier, and its classes: 0, 1, ... where there are no ``labels``.

    Of two classes one output is enough: the softmax of two is the logistic function of their difference.

    Parameters
    ----------
    network : Network
    link : {"softmax", "sigmoid"}
        What makes probabilities of its outputs. Several of a sigmoid are labels that may hold at once, but for two that are
        each other's opposite.
    labels : array of shape (n_classes,) or None

    Raises
    ------
    ValueError
        Where the labels are not sorted, or not as many as outputs.
    """
    spec, weights = network
    rows = np.column_stack([weights["head.weight"], weights["head.bias"]])
    opposite = spec.n_outputs == 2 and np.array_equal(rows[0], -rows[1])
    several = link == "sigmoid" and spec.n_outputs > 1 and not opposite
    n = max(2, spec.n_outputs)
    values = np.arange(n) if labels is None else np.asarray(labels)
    check_labels(values, several)
    if len(values) != n:
        raise ValueError(f"There are {len(values)} classes; the head has {spec.n_outputs} outputs.")
    if spec.n_outputs == 2 and not several:
        rows = rows[1:] - rows[:1] if link == "softmax" else rows[1:]
        weights = {**weights, "head.weight": np.ascontiguousarray(rows[:, :-1]), "head.bias": rows[:, -1]}
        spec = replace(spec, n_outputs=1)
    return Network(spec, weights), Classes(values, several)


def check_labels(values: np.ndarray, several: bool) -> None:
    """Raise where these are no classes in order, each once; ``several``: no names of labels.

    Raises
    ------
    ValueError
        As said.
    """
    try:
        right = values.ndim == 1 and (several or np.array_equal(np.unique(values), values))
    except TypeError:  # of kinds that have no order
        right = False
    if not right:
        raise ValueError(
            f"classes must be labels, each once and sorted, as outputs come in that order; got {values.tolist()!r:.200}."
        )
