"""Gates and states over time."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data import sample_index, step_index
from grukit.inspection._subject import Batch, Subject
from grukit.model import network_forward

# Planes of the gates that a cell's forward pass leaves, by the gate's name. Legend: grukit.kernels.
PLANES = {
    **{cell: {"reset": 0, "update": 1, "candidate": 3} for cell in ("gru", "gru_reset_before")},
    **{cell: {"reset": 0, "update": 1, "output": 2, "candidate": 4} for cell in ("dual_state", "dual_state_basic")},
}


def gates(model: Any, X: Any, context: Any = "auto") -> pd.DataFrame:
    """Reset gate, update gate, candidate and state of every unit, at every row or step of X.

    Of the GRU, the state after a step is ``candidate + update * (state before - candidate)``: an update gate near 1 keeps
    the state, near 0 takes the candidate. The reset gate scales what the previous state adds to the candidate.

    Parameters
    ----------
    model : GRURegressor or GRUClassifier
        Fitted.
    X : as in ``predict``
        A table or sequences.
    context : "auto", None or table, default="auto"
        History before the first rows of a table, as in ``predict``.

    Returns
    -------
    DataFrame
        Columns: a MultiIndex of layer (0, 1, ...), gate ("reset", "update", "candidate", "state"; the unit with two states
        also has "output", and its state is h) and unit (0, 1, ...; of a bidirectional layer first those that read forward,
        then those that read backward, both as they are at the row's step). Reset, update and output gates lie in 0..1,
        candidates and states in -1..1.

        Rows: for a table, the index of X. A row has what the network computes at the last step of that row's own window,
        so that its states are those that its prediction is made from; but of a bidirectional layer those that read backward
        go on from there, to the window's first step. Neighbouring rows belong to different windows, and the state of one does
        not follow from that of the row above. For sequences, every step, as a MultiIndex of sequence and step; DataFrames in
        a list keep their own index as the step. Memory beyond the result is bounded.

    Raises
    ------
    TypeError
        Where ``model`` is no estimator of grukit.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    ValueError
        For an X that ``predict`` would refuse.

    Examples
    --------
    >>> from grukit import GRURegressor
    >>> from grukit.datasets import load_nile
    >>> from grukit.inspection import gates
    >>> X = load_nile()[["volume"]]
    >>> model = GRURegressor(2, window=10, max_iter=2, random_state=0).fit(X[:-1], X["volume"].shift(-1)[:-1])
    >>> inside = gates(model, X)
    >>> inside.shape
    (100, 8)
    >>> inside[0, "update"].columns.tolist()
    [0, 1]
    """
    subject = Subject(model, X, context)
    spec, is_table = subject.spec, subject.table is not None
    planes = PLANES[spec.cell]
    columns = _columns(tuple(spec.n_directions * H for H in spec.hidden_layer_sizes), [*planes, "state"])
    X = subject.work.X
    index = sample_index(X) if is_table else step_index(X)
    values = np.full((len(index), len(columns)), np.nan)  # where a row is no step
    for batch in subject.batches():
        steps, sequences, rows = _taken(batch, subject)
        _, forward = network_forward(spec, subject.parameters, batch.x, batch.lengths)
        at, directions = 0, spec.n_directions
        for first in range(0, len(forward.caches), directions):
            both = forward.caches[first : first + directions]
            for plane in [*planes.values(), None]:
                for backward, cache in enumerate(both):
                    shown = cache.h[1:] if plane is None else cache.gates[plane]
                    own = batch.lengths[sequences] - 1 - steps if backward else steps  # its steps run from the end
                    values[rows, at : at + shown.shape[2]] = shown[own, sequences]
                    at += shown.shape[2]
    if subject.table is not None:
        values = subject.table.to_user_order(values)
    return pd.DataFrame(values, index=index, columns=columns, copy=False)


def _columns(sizes: tuple[int, ...], gate_names: list[str]) -> pd.MultiIndex:
    """Layer, gate, unit; sorted by the order of ``gate_names``, as pandas wants it for quick selection."""
    codes = [(k, gate, unit) for k, H in enumerate(sizes) for gate in range(len(gate_names)) for unit in range(H)]
    levels: list[list[Any]] = [list(range(len(sizes))), gate_names, list(range(max(sizes)))]
    return pd.MultiIndex(levels=levels, codes=list(zip(*codes, strict=True)), names=["layer", "gate", "unit"])


def _taken(batch: Batch, subject: Subject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps and sequences of the batch that are shown, and the rows where they go: each window's last step, or all."""
    if subject.table is not None:
        return batch.lengths - 1, np.arange(len(batch.samples)), batch.samples
    steps, sequences = np.nonzero(batch.within)
    return steps, sequences, subject.sequences.starts[batch.samples[sequences]] + steps
