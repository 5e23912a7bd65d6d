"""Weights of samples and of classes."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from grukit.data import ALL_ALIKE, Sequences, as_numbers, check_same_index, long_array
from grukit.estimators.inputs import Work
from grukit.estimators.targets import Targets


def read_weights(sample_weight: Any, X: Any, sequences: Sequences) -> np.ndarray:
    """Weights (n,) of the samples, float64, not negative; ones where none are given. Raise ValueError for others."""
    if sample_weight is None:
        ones = long_array((len(sequences),), np.float64)
        ones[:] = 1.0
        return ones
    check_same_index(X, sample_weight, "X", "sample_weight")
    if isinstance(sample_weight, list | tuple):
        for i, weight in enumerate(sample_weight):
            if hasattr(weight, "__len__") and np.ndim(weight):
                raise ValueError(
                    f"sample_weight[{i}] has the shape {np.shape(weight)}; sample_weight needs one number a sequence, or a "
                    "row of a table. Steps have no weights of their own."
                )
    if not isinstance(sample_weight, Real):  # one for all
        sample_weight = as_numbers(sample_weight, "sample_weight")
    starts = sequences.starts  # as many as there are samples
    return _check_sample_weight(sample_weight, starts, dtype=np.float64, ensure_non_negative=True, copy=True)


def weights_of_targets(sample_weight: Any, work: Work, per_step: bool) -> np.ndarray | None:
    """Weights of the targets that a score compares: of samples, or of all their steps; None where none are given."""
    if sample_weight is None:
        return None
    weights = read_weights(sample_weight, work.X, work.sequences)
    return np.repeat(weights, work.sequences.lengths) if per_step else weights


def check_representable(weights: np.ndarray, dtype: str) -> None:
    """Raise where a weight is lost in the type of the network."""
    with np.errstate(over="ignore"):
        cast = weights.astype(dtype)
    lost = (weights > 0) & ((cast == 0) | ~np.isfinite(cast))
    if lost.any():
        i = int(np.argmax(lost))
        raise ValueError(f"sample_weight[{i}] is {weights[i]:g}, which {dtype} cannot hold; scale the weights.")


def weigh_known(targets: Targets, weights: np.ndarray, sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the samples (n,), and with a target at every step those of the steps (N,), of which some may be missing.

    A sample, or a step, whose targets are all missing has no weight; it remains in the history of others.
    """
    seen = ~np.isnan(targets.values).all(axis=1)
    if seen.all():
        return weights, ALL_ALIKE
    if not targets.outputs.per_step:
        return weights * seen, ALL_ALIKE
    return weights * np.logical_or.reduceat(seen, sequences.starts), seen.astype(np.float64)


def weigh_labels(
    class_weight: Any, targets: Targets, weights: np.ndarray, sequences: Sequences
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the samples (n,) times those of their labels; with a label at every step those of the steps (N,), too."""
    assert targets.classes is not None
    if targets.classes.multilabel:
        raise ValueError("class_weight is for one label a sample; y has several. Use sample_weight.")
    numbers, per_step = targets.values[:, 0].astype(np.int64), targets.outputs.per_step
    each = np.repeat(weights, sequences.lengths) if per_step else weights
    of_label = weights_of_classes(class_weight, targets.classes.values, numbers, each)[numbers]
    if not per_step:
        return weights * of_label, ALL_ALIKE
    # A sequence none of whose steps counts is left out, as one of weight zero.
    return weights * (np.add.reduceat(of_label, sequences.starts) > 0), of_label


def weights_of_classes(
    class_weight: Any, classes: np.ndarray, numbers: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray:
    """Weight of each class.

    Parameters
    ----------
    class_weight : "balanced" or dict
        "balanced": a class's weight times the weight of its samples is the same for all classes that occur, and as much in
        sum as the samples weigh (scikit-learn's formula). A dict: weights by label; a class that is left out weighs 1.
    classes : ndarray of shape (C,)
        Labels.
    numbers : ndarray of shape (n,)
        Number of the class of each sample.
    sample_weight : ndarray of shape (n,)
        Weights of the samples.

    Returns
    -------
    ndarray of shape (C,)

    Raises
    ------
    ValueError
        Where a weight is negative or not finite, or a class is left out while the dict names one that is not there.
    """
    if not isinstance(class_weight, dict):
        totals = np.bincount(numbers, sample_weight, minlength=len(classes))
        present = totals > 0
        return np.divide(totals.sum(), present.sum() * totals, out=np.ones(len(classes)), where=present)
    left_out = [label for label in classes.tolist() if label not in class_weight]
    unknown = [label for label in class_weight if label not in set(classes.tolist())]
    if left_out and unknown:  # most likely the same labels, written otherwise
        raise ValueError(f"class_weight has {unknown}, which are no classes, and leaves out the classes {left_out}.")
    weights = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"class_weight must hold finite numbers that are not negative; got {class_weight}.")
    return weights
