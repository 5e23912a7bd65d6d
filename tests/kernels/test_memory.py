"""Workspaces are as large as what any chunk of a pass puts into them, and begin where they should."""

import sys

import numpy as np
import pytest
from child import run_code
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thorough import FULL, if_full

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
@settings(deadline=None)  # which a busy machine does not keep
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


UNEQUAL = {
    "plain": {},
    "bidirectional": {"bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.2},
    "dual-state": {"cell": "dual_state"},
    "decay": {"missing": "decay"},
}


@pytest.mark.parametrize(("kind", "dtype"), [
    ("plain", "float32"), ("bidirectional", "float64"), ("dual-state", "float64"), ("decay", "float64"),
    *if_full(("bidirectional", "float32"), ("dual-state", "float32"), ("decay", "float32")),
])  # fmt: skip
def test_sequences_of_unequal_length_keep_to_their_memory(guarded, kind, dtype):
    """Each of them ends in a segment of its own."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(70 * n, 3)) for n in range(1, 21)]
    y = rng.normal(size=20)
    settings = {"max_iter": 1, "batch_size": 20, "n_jobs": 1, "random_state": 0, "dtype": dtype, **UNEQUAL[kind]}
    model = GRURegressor((9, 5), **settings).fit(X, y)
    model.predict(X)
    check_guards(guarded)


# Every aligned array ends, with the room that products may read, at a page that no one may read; NumPy's end there themselves.
# In the plain run the cells after the first make passes in float64 alone, with kernels that other tests compile as well.
BEYOND = """
import ctypes, mmap, sys
import numpy as np
from grukit.engines import select_engine
from grukit.kernels.cpu import session
from grukit.kernels.cpu.inference import predictions
from grukit.kernels.cpu.products.vectors import READ_BEYOND
from grukit.kernels.cpu.storage import memory
from grukit import GRURegressor
from grukit.model import NetworkSpec, initialize, network, network_backward, network_forward

def at_the_end(shape, dtype, room=READ_BEYOND):
    size, itemsize, page = int(np.prod(shape)), np.dtype(dtype).itemsize, mmap.PAGESIZE
    needed = (size + room) * itemsize
    pages = -(-needed // page)
    whole = mmap.mmap(-1, (pages + 1) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(whole))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + pages * page), page, 0) == 0
    made = np.frombuffer(whole, np.uint8)[pages * page - needed :]
    return made[: size * itemsize].view(dtype).reshape(shape)

class AtTheEnd:
    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype):
        return at_the_end(shape, dtype, 0)

    def empty_like(self, array):
        return at_the_end(array.shape, array.dtype, 0)

    zeros, zeros_like = empty, empty_like  # new pages are zero

kernels = select_engine("cpu").kernels
network.np = AtTheEnd()
for module in (memory, session, predictions, kernels):
    module.aligned_empty = at_the_end
rng, everything = np.random.default_rng(0), sys.argv[1] == "True"
both = {"bidirectional": True} if everything else {"bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.2}
for cell, options in (("gru", {}), ("gru_reset_before", both), ("dual_state", {})):
    for dtype, n_outputs in (("float64", 2), ("float64", 32), ("float32", 2), ("float32", 33)):
        if dtype == "float32" and cell != "gru" and not everything:
            continue
        spec = NetworkSpec(cell, 3, (5, 17), n_outputs, **options)
        parameters = initialize(spec, "glorot", dtype, np.random.RandomState(0))
        outputs, forward = network_forward(spec, parameters, rng.normal(size=(4, 3, 3)))
        network_backward(outputs, forward)
    if cell != "gru" and not everything:
        continue
    X = rng.normal(size=(40, 3))
    for y in (X[:, 0], rng.normal(size=(40, 33))):
        model = GRURegressor((5, 17), window=4, max_iter=2, cell=cell, random_state=0, **options).fit(X, y)
        model.predict(X)
        model.predictor()(X[:4])
print("read nothing else")
"""


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
@pytest.mark.skipif(sys.platform != "linux", reason="Pages are protected by a call of the C library.")
def test_products_read_no_more_than_they_have_room_for():
    assert run_code(BEYOND, True) == ("read nothing else\n", "")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 16, 7431])
def test_every_thread_s_workspace_begins_at_a_cache_line(dtype, size):
    for work in memory.workspaces(3, size, dtype):
        assert work.size >= size
        assert work.ctypes.data % memory.LINE == 0
