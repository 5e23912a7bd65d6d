"""grukit's side of ``peers.py``: its kernels behind the peers' interface, and the checks that come before the clock."""

import sys
from collections.abc import Callable

import numpy as np
from _report import ROOT
from peer_cases import BETA_1, BETA_2, CLIP_NORM, EPSILON, LEARNING_RATE, Work

from grukit.engines import select_engine
from grukit.train import SOLVERS, Problem, predict

KERNELS = select_engine("cpu").kernels


def samples(work: Work, dtype: str = "float32", chosen: np.ndarray | None = None):
    """The windows as grukit takes them: places in the table."""
    starts = np.arange(len(work.targets)) if chosen is None else chosen
    return KERNELS.Samples(
        values=work.values.astype(dtype),
        targets=work.targets[starts].astype(dtype),
        starts=starts,
        lengths=np.full(len(starts), work.case.steps),
        weights=np.ones(len(starts), dtype),
    )


class Grukit:
    """One compiled call over all given batches, as ``GRURegressor.fit`` makes it. A context manager: it owns threads."""

    def __init__(self, work: Work):
        self.work = work
        self.problem = Problem(
            KERNELS, work.spec, samples(work), "squared_error", 0.0, n_threads=work.threads, batch_size=work.case.batch
        )
        parameters = work.parameters.copy()
        self.optimizer = KERNELS.Optimizer(
            solver=SOLVERS["adam"],
            momentum=0.0,
            nesterov=False,
            beta_1=BETA_1,
            beta_2=BETA_2,
            epsilon=EPSILON,
            alpha=0.0,
            clip_norm=CLIP_NORM,
            parameters=parameters,
            previous=parameters.copy(),
            penalized=work.spec.penalized("float32"),
            first_moment=np.zeros_like(parameters),
            second_moment=np.zeros_like(parameters),
            step=np.zeros(1, np.int64),
        )

    def __enter__(self) -> "Grukit":
        self.problem.__enter__()
        self.problem.session.begin(self.optimizer)
        return self

    def __exit__(self, *error) -> None:
        self.problem.__exit__(*error)

    def train(self, batches: np.ndarray) -> np.ndarray:
        """One step a row of ``batches`` (m, B); the losses (m,)."""
        n, size = batches.shape
        taken = KERNELS.Batches(
            order=batches.ravel(),
            size=size,
            rates=np.full(n, LEARNING_RATE),
            records=np.zeros((n, 3)),
            done=np.zeros(1, np.int64),
            update=True,
        )
        self.problem.session.train(taken, n)
        return taken.records[:, 0] / taken.records[:, 1]


def inference(work: Work) -> Callable[[], np.ndarray]:
    """Outputs of the first B windows, without the estimator's checks."""
    taken = samples(work, chosen=np.arange(work.case.batch))
    return lambda: predict(KERNELS, work.spec, work.parameters, taken, work.threads)


# --- checks -----------------------------------------------------------------------------------------------------------


def loss_and_gradient(work: Work, batch: np.ndarray, dtype: str) -> tuple[float, dict[str, np.ndarray]]:
    """What grukit computes for one batch, in ``dtype``."""
    rows, threads = samples(work, dtype, batch), work.threads
    with Problem(KERNELS, work.spec, rows, "squared_error", 0.0, n_threads=threads, batch_size=len(batch)) as problem:
        loss, gradient = problem.loss_and_gradient(work.parameters.astype(dtype))
        return loss, {name: view.copy() for name, view in work.spec.views(gradient).items()}


def reference_loss_and_gradient(work: Work, batch: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """The same by the slow NumPy reference of the tests."""
    sys.path.insert(0, str(ROOT / "tests"))
    import reference

    x = work.windows[batch].transpose(1, 0, 2)
    outputs, cache = reference.network_forward("gru", work.weights, x)
    loss, d_outputs = reference.loss("squared_error", outputs, work.targets[batch])
    return loss, reference.network_backward(d_outputs, cache)[0]


def disagreement(ours: tuple, theirs: tuple) -> float:
    """Largest difference of two losses and gradients, each array relative to its largest number."""
    worst = abs(ours[0] - theirs[0]) / abs(theirs[0])
    for name, gradient in theirs[1].items():
        worst = max(worst, np.abs(ours[1][name] - gradient).max() / np.abs(gradient).max())
    return float(worst)
