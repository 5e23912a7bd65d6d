"""Training: epochs, batches, schedules, stopping, history."""

from grukit.train.interrupts import interrupted_again
from grukit.train.lbfgs import fit_lbfgs
from grukit.train.options import TrainingOptions
from grukit.train.problem import LOSSES, REGRESSION_LOSSES, Problem, predict
from grukit.train.progress import Progress, is_record, progress_bar
from grukit.train.schedules import SCHEDULES
from grukit.train.snapshots import Snapshot
from grukit.train.stepper import SOLVERS
from grukit.train.stochastic import fit_stochastic

__all__ = [
    "LOSSES",
    "REGRESSION_LOSSES",
    "SCHEDULES",
    "SOLVERS",
    "Problem",
    "Progress",
    "Snapshot",
    "TrainingOptions",
    "fit_lbfgs",
    "fit_stochastic",
    "interrupted_again",
    "is_record",
    "predict",
    "progress_bar",
]
