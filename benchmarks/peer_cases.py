"""The cases of ``peers.py``: sizes, targets, and the data and weights that all contenders share."""

import re
from dataclasses import dataclass, field

import numpy as np

from grukit.model import NetworkSpec, initialize

# Windows of the table that batches are drawn from: fewer of long or wide ones, of which the peers have a copy.
N_WINDOWS, COPIED = 4096, 2**25  # numbers
LEARNING_RATE, CLIP_NORM, BETA_1, BETA_2, EPSILON = 1e-3, 1.0, 0.9, 0.999, 1e-8
GROUPS = {"small": 32, "medium": 128, "large": 512, "wide": 0}  # largest number of hidden units
KINDS = "train", "infer", "fit", "predict"


@dataclass(frozen=True)
class Case:
    """One row of a table: a training step, the outputs of a batch, an epoch or the predictions of an estimator."""

    kind: str  # of ``KINDS``
    batch: int
    steps: int
    inputs: int
    hidden: tuple[int, ...]
    target: float  # the fastest peer's time, divided by grukit's
    outputs: int = 1

    @property
    def name(self) -> str:
        """Kind and sizes."""
        layers = f" x{len(self.hidden)}" if len(self.hidden) > 1 else ""
        outputs = f", {self.outputs} outputs" if self.outputs > 1 else ""
        return f"{self.kind} {self.batch},{self.steps},{self.inputs},{self.hidden[0]}{layers}{outputs}"

    @property
    def group(self) -> str:
        """A key of ``GROUPS``."""
        if max(self.inputs, self.outputs) > 32 or self.steps > 1000:
            return "wide"
        return next(name for name, most in GROUPS.items() if self.hidden[0] <= most)

    @property
    def n_windows(self) -> int:
        """Windows of the table; of an estimator its samples."""
        if self.kind in ("fit", "predict"):
            return self.batch
        return max(self.batch, min(N_WINDOWS, COPIED // (self.steps * self.inputs)))

    @property
    def flops(self) -> float:
        """Floating-point operations of the products; in training three times the forward pass's, less the inputs' gradient."""
        below = (self.inputs, *self.hidden[:-1])
        forward = sum(2.0 * self.steps * self.batch * 3 * H * (D + H) for D, H in zip(below, self.hidden, strict=True))
        forward += 2.0 * self.batch * self.hidden[-1] * self.outputs
        if self.kind in ("infer", "predict"):
            return forward
        return 3 * forward - 2.0 * self.steps * self.batch * 3 * self.hidden[0] * self.inputs


TRAINING = [
    (32, 10, 1, (10,), 4.0),
    (32, 24, 1, (32,), 3.5),
    (32, 48, 8, (32,), 3.0),
    (64, 96, 8, (64,), 1.8),
    (64, 168, 8, (128,), 1.5),
    (128, 96, 16, (256,), 1.25),
    (256, 100, 32, (512,), 1.2),
    (64, 96, 8, (64, 64), 2.0),
]
INFERENCE = [  # steps, inputs, hidden, target for one row, target for 256 rows
    (10, 1, 10, 3.0, 3.0),
    (24, 1, 32, 1.7, 2.8),
    (48, 8, 32, 1.3, 1.6),
    (96, 8, 64, 1.5, 1.6),
    (168, 8, 128, 1.3, 1.4),
    (96, 16, 256, 1.2, 1.2),
]
WIDE = [  # sequences of an estimator, steps, inputs, hidden, outputs: many inputs, both, many outputs, many steps
    (1024, 48, 500, 32, 1),
    (1024, 96, 64, 64, 96),
    (1024, 48, 8, 32, 700),
    (256, 2000, 8, 32, 1),
]
CASES = [
    *(Case("train", *sizes) for sizes in TRAINING),
    *(Case("train", 64, T, D, (H,), 1.0, K) for _, T, D, H, K in WIDE),
    *(
        Case("infer", rows, T, D, (H,), target)
        for T, D, H, *targets in INFERENCE
        for rows, target in zip((1, 256), targets, strict=True)
    ),
    *(Case("infer", 256, T, D, (H,), 1.0, K) for _, T, D, H, K in WIDE),
    *(Case(kind, n, T, D, (H,), 1.0, K) for kind in ("fit", "predict") for n, T, D, H, K in WIDE),
]


def select(wanted: str) -> list[Case]:
    """Cases by group names ("small,medium") or by a regular expression on their names."""
    groups = wanted.split(",")
    if set(groups) <= set(GROUPS):
        return [case for case in CASES if case.group in groups]
    return [case for case in CASES if re.search(wanted, case.name)]


@dataclass
class Work:
    """What a case works on: a table, its windows, targets, weights."""

    case: Case
    threads: int
    spec: NetworkSpec = field(init=False)
    values: np.ndarray = field(init=False)  # (N, D) float32, the table
    targets: np.ndarray = field(init=False)  # (n, K) float32
    parameters: np.ndarray = field(init=False)  # (P,) float32, as grukit lays them out

    def __post_init__(self):
        case, rng = self.case, np.random.default_rng(0)
        n = case.n_windows
        self.spec = NetworkSpec("gru", case.inputs, case.hidden, case.outputs)
        self.values = rng.normal(size=(n + case.steps - 1, case.inputs)).astype(np.float32)
        last = self.windows[:, -3:].mean(axis=(1, 2))  # something that can be learnt
        self.targets = (last[:, None] + 0.1 * rng.normal(size=(n, case.outputs))).astype(np.float32)
        self.parameters = initialize(self.spec, "uniform", "float32", np.random.RandomState(0))

    @property
    def windows(self) -> np.ndarray:
        """All windows, (n, T, D), a view of the table."""
        view = np.lib.stride_tricks.sliding_window_view(self.values, self.case.steps, axis=0)
        return view.transpose(0, 2, 1)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The parameters by name, in PyTorch's layout."""
        return self.spec.views(self.parameters)

    def batches(self, n: int) -> np.ndarray:
        """Numbers of the samples of n batches, (n, B)."""
        return np.random.default_rng(1).integers(0, self.case.n_windows, (n, self.case.batch))

    def sequences(self) -> np.ndarray:
        """The inputs of an inference case, (T, B, D), time first."""
        return self.windows[: self.case.batch].transpose(1, 0, 2).copy(order="C")


def by_gate(array: np.ndarray, order: tuple[int, ...] = (1, 0, 2)) -> np.ndarray:
    """The three gates' blocks, r z n here, as Keras and ONNX have them: z r n."""
    return np.concatenate([np.split(array, 3)[gate] for gate in order])
