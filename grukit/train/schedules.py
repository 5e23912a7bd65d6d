"""Learning-rate schedules: the rate of every batch of an epoch, as a share of the initial rate."""

from collections.abc import Callable

import numpy as np

WARM_UP = 0.3  # share of the one-cycle schedule that rises, and
START, END = 1 / 25, 1 / 25e4  # its first and last rate, PyTorch's defaults


def constant(progress: np.ndarray) -> np.ndarray:
    """1 throughout."""
    return np.ones_like(progress)


def cosine(progress: np.ndarray) -> np.ndarray:
    """From 1 to 0 along half a cosine (Loshchilov and Hutter 2017, eq. 5, one period)."""
    return (1 + np.cos(np.pi * progress)) / 2


def one_cycle(progress: np.ndarray) -> np.ndarray:
    """Up along half a cosine for the first 30 %, then down (Smith and Topin 2018)."""
    up = START + (1 - START) * (1 - np.cos(np.pi * progress / WARM_UP)) / 2
    down = END + (1 - END) * (1 + np.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2
    return np.where(progress < WARM_UP, up, down)


# "adaptive" is constant until the progress monitor reduces the rate.
SCHEDULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": constant,
    "adaptive": constant,
    "cosine": cosine,
    "one_cycle": one_cycle,
}


def rates_of_epoch(schedule: str, initial: float, epoch: int, n_epochs: int, n_batches: int) -> np.ndarray:
    """Rate of each batch of epoch 0, 1, ..., shape (n_batches,)."""
    progress = (epoch * n_batches + np.arange(n_batches)) / (n_epochs * n_batches)
    return initial * SCHEDULES[schedule](progress)
