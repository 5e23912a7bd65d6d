"""Workspaces are as large as what any chunk of a pass puts into them, and begin where they should."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grukit import GRURegressor
from grukit.engines import select_engine
from grukit.kernels.cpu import session
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
)
@example(500, 257, 2, 32, 0, 1)  # where 32 rows are projected a step at a time, and 31 rows two steps at a time
def test_a_smaller_chunk_fits_into_the_workspace(cell, inputs, units, steps, rows, fewer_steps, fewer_rows):
    network = NetworkSpec(cell, inputs, (units, units), 1, **CELLS[cell]).for_kernels(KERNELS)
    whole = KERNELS.chunk_work_size(network, steps, rows)
    fewer = max(1, steps - fewer_steps)
    assert KERNELS.chunk_work_size(network, fewer, max(1, rows - fewer_rows)) <= whole
    assert KERNELS.predict_work_size(network, fewer, rows) <= KERNELS.predict_work_size(network, steps, rows)


def test_training_keeps_to_its_memory(monkeypatch):
    """63 sequences are a chunk of 32 rows and one of 31, which projects more steps at once."""
    made = []

    def guarded(shape, dtype):
        size = int(np.prod(shape))
        whole = np.full(size + 2 * GUARD, SENTINEL, dtype)
        made.append(whole)
        return whole[GUARD : GUARD + size].reshape(shape)

    monkeypatch.setattr(memory, "aligned_empty", guarded)
    monkeypatch.setattr(session, "aligned_empty", guarded)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(63, 2, 500)), rng.normal(size=63)
    GRURegressor(257, max_iter=1, batch_size=63, n_jobs=1, random_state=0).fit(X, y)
    assert len(made) >= 2
    for whole in made:
        assert (whole[:GUARD] == SENTINEL).all()
        assert (whole[-GUARD:] == SENTINEL).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 16, 7431])
def test_every_thread_s_workspace_begins_at_a_cache_line(dtype, size):
    for work in memory.workspaces(3, size, dtype):
        assert work.size >= size
        assert work.ctypes.data % memory.LINE == 0
