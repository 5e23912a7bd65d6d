"""When training stops for want of improvement, counted by hand."""

import numpy as np
import pytest

from grukit.train.options import TrainingOptions
from grukit.train.progress import Progress


@pytest.mark.parametrize(
    ("losses", "stops_after"),
    [
        ([2.0, 2.0, 2.0], 2),  # none improves on the start, which is 1
        ([0.9, 0.95, 0.9, 0.9], 3),
        ([0.9, 0.8, 0.79, 0.78, 0.77], 4),  # by less than tol from the second epoch on: best of all, but no improvement
        ([2.0, 0.9, 1.0, 0.8, 0.9, 0.9], 6),
    ],
)
def test_epochs_without_improvement_are_counted_from_the_start(losses, stops_after):
    progress = Progress(TrainingOptions(n_iter_no_change=2, tol=0.05))
    progress.begin(np.zeros(1), 1.0)
    for epoch, loss in enumerate(losses, 1):
        progress.record(np.full(1, float(epoch)), 5.0, loss, 1.0, 0.1)
        assert progress.out_of_patience == (epoch >= stops_after)
        if progress.out_of_patience:
            break
    best = int(np.argmin([1.0, *losses[:stops_after]]))
    assert (progress.best_iter, progress.best_loss) == (best, min([1.0, *losses[:stops_after]]))
    kept = np.full(1, -1.0)
    progress.keep_best(kept)
    assert kept.tolist() == [float(best)] and progress.kept_iter == best
