"""Categories that become numbers which a network learns: how many, and where they take the places of the categories."""

import numpy as np

# Columns with more categories are embedded. Each of fewer is an input of its own, which the linear part reads, too. An epoch
# takes 1.29 times as long with 16 of these, 1.57 with 32, 2.14 with 64, and 1.24 with three learned numbers instead
# (benchmarks/categories.py).
MOST_ONE_HOT = 32


def width_of(n: int) -> int:
    """Numbers that each of n categories becomes; 0: each is an input of its own.

    The fourth root of n, a rule of thumb of TensorFlow's authors ("Introducing TensorFlow Feature Columns", Google Developers
    Blog 2017). Of 1,000 noisy waves with phases, amplitudes and a second wave of their own, means of two seeds, forecasts with
    3, 6 (this), 12 and 24 numbers were 0.025, 0.023, 0.033 and 0.050 away from the waves, squared.
    """
    return 0 if n <= MOST_ONE_HOT else int(np.ceil(n**0.25))


def widened(covariates: np.ndarray, widths: tuple[int, ...], tables: list[np.ndarray] | None) -> np.ndarray:
    """Covariates (N, C) whose last columns, places of categories, become as many numbers as each of the ``widths`` says.

    Those in the ``tables`` (n, width) of each; None: the place, and zeros.
    """
    if not widths:
        return covariates
    at = covariates.shape[1] - len(widths)
    out = np.zeros((len(covariates), at + sum(widths)))
    out[:, :at] = covariates[:, :at]
    for k, width in enumerate(widths):
        places = covariates[:, covariates.shape[1] - len(widths) + k]
        if tables is None:
            out[:, at] = places
        else:
            out[:, at : at + width] = tables[k][places.astype(np.int64)]
        at += width
    return out
