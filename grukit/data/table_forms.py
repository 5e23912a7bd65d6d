"""The regressions that the linear part of a table is stacked of: towards the mean, or a value of the anchor."""

from collections.abc import Sequence

import numpy as np

from grukit.data.scaling import Scaler
from grukit.data.stacking import Basis, Regression


def forms_of(anchor: int, scaler: Scaler, center: np.ndarray, L: int) -> list[Regression]:
    """The regressions on L lags, of targets less their ``center``, whose anchor is a column, or none: -1."""
    D = len(scaler.mean)
    P = L * D
    mean = np.zeros((P + 1, len(center)))
    forms = [Regression(mean, Basis(-1, False), False)]
    if anchor < 0:
        return forms
    columns = [-1, anchor] if D > 1 else [-1]
    if D > 1:
        forms.append(Regression(mean, Basis(anchor, False), False))
    last = last_value(anchor, scaler, center, P)
    relatives = [False, True] if L > 1 else [False]
    return forms + [Regression(last, Basis(column, relative), True) for column in columns for relative in relatives]


def fewer_lags(anchor: int, scaler: Scaler, center: np.ndarray, L: int, parts: Sequence[int]) -> list[Regression]:
    """Regressions on the first of L lags, of the anchor alone: on these over each of ``parts``, where two are left."""
    D = len(scaler.mean)
    column = anchor if D > 1 else -1
    mean, last = np.zeros((L * D + 1, len(center))), last_value(max(anchor, 0), scaler, center, L * D)
    forms = []
    for n in (L // each for each in parts):
        if n < 2:
            continue
        forms.append(Regression(mean, Basis(column, False, n), False))
        forms += [Regression(last, Basis(column, True, n), True)] if anchor >= 0 else []
    return forms


def earlier_value(anchor: int, scaler: Scaler, center: np.ndarray, L: int, lags: np.ndarray) -> Regression:
    """What the anchor was ``lags`` (K,) rows before the last one, as it was."""
    then = anchor_value(anchor, lags, scaler, center, L * len(scaler.mean))
    return Regression(then, Basis(anchor, True), True, fixed=True)


def last_value(anchor: int, scaler: Scaler, center: np.ndarray, P: int) -> np.ndarray:
    """Coefficients (P + 1, K) of the anchor's last value, less the center of y."""
    return anchor_value(anchor, np.zeros(len(center), dtype=np.int64), scaler, center, P)


def anchor_value(anchor: int, lags: np.ndarray, scaler: Scaler, center: np.ndarray, P: int) -> np.ndarray:
    """Coefficients (P + 1, K) of what the anchor was ``lags`` (K,) rows before the last one, less the center of y."""
    coef = np.zeros((P + 1, len(center)))
    coef[lags * len(scaler.mean) + anchor, np.arange(len(center))] = scaler.scale[anchor]
    coef[P] = scaler.mean[anchor] - center
    return coef
