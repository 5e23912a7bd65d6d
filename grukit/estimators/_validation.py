"""What early stopping watches: samples that the user gives, a part that is held out, or folds."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from grukit.data import HeldOut, Samples, folds_in_time, folds_of_classes
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.inputs import Work
from grukit.estimators.targets import Targets

EARLY_STOPPING_FROM = 50  # samples
# Rows of a table, of which blocks in time take turns. Trained for all epochs without a judge, networks on 22 to 47 rows had
# 1.31 times the error of the linear part that they began at, in 46 tasks, parts of real series that are not bundled and
# generated ones; by blocks 1.02 times.
ROWS_FROM = 20
CLASSES_FROM = 20  # sequences that have a label each, of which folds take turns
# Below so many samples a tenth of them says too little, and is missing in training. Of 14 tasks on 800 rows, holding it out
# had up to 10 % more error than the linear part alone, folds 0.5 %; on 1,200 to 1,500 rows both were alike.
FOLDS_BELOW = 1000
N_FOLDS, FIRST_SHARE = 4, 0.5


class Validation(NamedTuple):
    """Validation samples that the user gives ``fit``."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None

    def check(self, early_stopping: bool | str) -> None:
        """Raise where something is missing, or they would not be used."""
        if (self.X is None) != (self.y is None) or (self.X is None and self.sample_weight is not None):
            raise ValueError("X_val and y_val go together; sample_weight_val goes with them.")
        if self.X is not None and early_stopping is False:
            raise ValueError("X_val and y_val are for early stopping, which early_stopping=False turns off.")


NOTHING_GIVEN = Validation()


def hold_out(model: SharedParameters, samples: Samples, targets: Targets) -> HeldOut | None:
    """What early stopping holds out, by itself where there are enough samples.

    Sequences with one label each are stratified by it.
    """
    if not model.early_stopping:
        return None
    by_itself, classes = isinstance(model.early_stopping, str), targets.classes
    stratified = classes is not None and not classes.multilabel and not targets.outputs.per_step
    groups = targets.values[:, 0] if stratified else None
    alone = stratified and samples.sequences.exchangeable
    in_blocks = not samples.sequences.exchangeable and model.learning_rate != "adaptive"  # see choose_folds
    least = CLASSES_FROM if alone else ROWS_FROM if in_blocks else EARLY_STOPPING_FROM
    if by_itself and _count(model, samples, alone) < least:
        return None
    random_state = check_random_state(model.random_state)
    return HeldOut(model.validation_fraction, random_state, groups, required=not by_itself)


def choose_folds(
    model: SharedParameters, samples: Samples, held_out: HeldOut | None, work: Work
) -> list[tuple[Samples, Samples]]:
    """Folds, where early stopping by itself would have too few samples, or gaps that take half of them.

    Of a table in time; of sequences that have a label each, parts that have their share of every class.
    """
    table, window = work.table, work.form.window
    if held_out is None or held_out.required:
        return []
    if table is None or window is None:
        if held_out.groups is None or model.learning_rate == "adaptive":
            return []
        unequal = _folded(model, samples)
        return folds_of_classes(unequal, N_FOLDS) if len(unequal.sequences) < FOLDS_BELOW else []
    enough = max(FOLDS_BELOW, 2 * window * len(table.keys))
    # A rate that a plateau lowers would have none to see in training without validation samples.
    if np.count_nonzero(samples.weights > 0) >= enough or model.learning_rate == "adaptive":
        return []
    n_features = samples.sequences.values.shape[1] - (work.form.missing == "decay")
    return folds_in_time(samples, table, N_FOLDS, FIRST_SHARE, model._judges_to_the_end, n_features)


def _count(model: SharedParameters, samples: Samples, alone: bool) -> int:
    """Samples that count, of those that stand alone each once, however often it is there."""
    counts = int(np.count_nonzero(samples.weights > 0))
    return len(_folded(model, samples).sequences) if alone and counts else counts


def _folded(model: SharedParameters, samples: Samples) -> Samples:
    """All that count, equal ones as one where their order is free: so that a weight of k is k copies in the folds, too."""
    return samples.distinct if model.shuffle else samples.weighted()
