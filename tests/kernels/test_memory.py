"""Workspaces are as large as what any chunk of a pass puts into them, and begin where they should."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grukit import GRURegressor
from grukit.engines import select_engine
from grukit.kernels.cpu import session
from grukit.kernels.cpu.inference import predictions
from grukit.kernels.cpu.storage import memory
from grukit.model import NetworkSpec

KERNELS = select_engine("cpu").kernels
CELLS = {
    "gru": {},
    "gru_reset_before": {"bidirectional": True},
    "dual_state": {"per_step": True},
}
GUARD, SENTINEL = 4096, 12345.0


@pytest.mark.parametrize("cell", CELLS)
@given(
    inputs=st.integers(1, 1000),
    units=st.integers(1, 600),
    steps=st.integers(1, 60),
    rows=st.sampled_from([16, 32]),
    fewer_steps=st.integers(0, 59),
    fewer_rows=st.integers(0, 31),
    alike=st.booleans(),
)
@example(500, 257, 2, 32, 0, 1, True)  # where 32 rows are projected a step at a time, and 31 rows two steps at a time
def test_a_smaller_chunk_fits_into_the_workspace(cell, inputs, units, steps, rows, fewer_steps, fewer_rows, alike):
    network = NetworkSpec(cell, inputs, (units, units), 1, **CELLS[cell]).for_kernels(KERNELS)
    whole = KERNELS.chunk_work_size(network, steps, rows, alike)
    fewer = max(1, steps - fewer_steps)
    assert KERNELS.chunk_work_size(network, fewer, max(1, rows - fewer_rows), alike) <= whole
    assert KERNELS.predict_work_size(network, fewer, rows) <= KERNELS.predict_work_size(network, steps, rows)


@pytest.fixture
def guarded(monkeypatch):
    """Make every workspace between two guard zones; the arrays made, to be looked at."""
    made = []

    def guarded_empty(shape, dtype):
        size = int(np.prod(shape))
        whole = np.full(size + 2 * GUARD, SENTINEL, dtype)
        made.append(whole)
        return whole[GUARD : GUARD + size].reshape(shape)

    for module in (memory, session, predictions):
        monkeypatch.setattr(module, "aligned_empty", guarded_empty)
    return made


def check_guards(made):
    assert len(made) >= 2
    for whole in made:
        assert (whole[:GUARD] == SENTINEL).all()
        assert (whole[-GUARD:] == SENTINEL).all()


def test_training_keeps_to_its_memory(guarded):
    """63 sequences are a chunk of 32 rows and one of 31, which projects more steps at once."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(63, 2, 500)), rng.normal(size=63)
    GRURegressor(257, max_iter=1, batch_size=63, n_jobs=1, random_state=0).fit(X, y)
    check_guards(guarded)


@pytest.mark.parametrize("options", [
    {}, {"bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.2}, {"cell": "dual_state"}, {"missing": "decay"},
], ids=["plain", "bidirectional", "dual-state", "decay"])  # fmt: skip
def test_sequences_of_unequal_length_keep_to_their_memory(guarded, options):
    """Each of them ends in a segment of its own."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(70 * n, 3)) for n in range(1, 21)]
    y = rng.normal(size=20)
    model = GRURegressor((9, 5), max_iter=1, batch_size=20, n_jobs=1, random_state=0, **options).fit(X, y)
    model.predict(X)
    check_guards(guarded)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 16, 7431])
def test_every_thread_s_workspace_begins_at_a_cache_line(dtype, size):
    for work in memory.workspaces(3, size, dtype):
        assert work.size >= size
        assert work.ctypes.data % memory.LINE == 0
