"""Everything that says how to train, in one record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grukit.train.snapshots import Snapshot


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; the names and meanings are those of :class:`grukit.GRURegressor`."""

    solver: str = "adam"
    alpha: float = 0.0
    batch_size: int = 64
    learning_rate: str = "constant"
    learning_rate_init: float = 0.003
    max_iter: int = 200
    shuffle: bool = True
    tol: float = 1e-4
    n_iter_no_change: int = 10
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    clip_norm: float | None = 1.0
    max_fun: int = 15000
    averaging: float = 0.0  # share that the average of the weights keeps from epoch to epoch
    verbose: bool = False
    count_start: bool = False  # whether the initial parameters count as epoch 0 in early stopping
    n_before: int = 0
    checkpoint_every: int = 10
    on_checkpoint: "Callable[[Snapshot], None] | None" = None  # called after so many epochs
    begun: "Snapshot | None" = None  # where to go on
    callbacks: tuple[Callable[[dict[str, Any]], Any], ...] = ()
