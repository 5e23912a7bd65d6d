"""What early stopping watches: samples that the user gives, a part that is held out, or folds in time."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from grukit.data import HeldOut, Samples, folds_in_time
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.inputs import Work
from grukit.estimators.targets import Targets

EARLY_STOPPING_FROM = 50  # samples
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
    by_itself = isinstance(model.early_stopping, str)
    if by_itself and np.count_nonzero(samples.weights > 0) < EARLY_STOPPING_FROM:
        return None
    classes = targets.classes
    stratified = classes is not None and not classes.multilabel and not targets.outputs.per_step
    groups = targets.values[:, 0] if stratified else None
    random_state = check_random_state(model.random_state)
    return HeldOut(model.validation_fraction, random_state, groups, required=not by_itself)


def choose_folds(
    model: SharedParameters, samples: Samples, held_out: HeldOut | None, work: Work
) -> list[tuple[Samples, Samples]]:
    """Folds in time, where early stopping by itself would have too few samples, or gaps that take half of them."""
    table, window = work.table, work.form.window
    if held_out is None or held_out.required or table is None or window is None:
        return []
    enough = max(FOLDS_BELOW, 2 * window * len(table.keys))
    # A rate that a plateau lowers would have none to see in training without validation samples.
    if np.count_nonzero(samples.weights > 0) >= enough or model.learning_rate == "adaptive":
        return []
    return folds_in_time(samples, table, N_FOLDS, FIRST_SHARE)
