"""Which engine is taken, what is said where the GPU cannot be, and that both engines have the same face."""

import inspect
from dataclasses import dataclass

import pytest
from child import run_code

from grukit import engines
from grukit.engines import GPU_PAYS, Engine, select_engine
from grukit.kernels import cpu
from grukit.model import CELLS, NetworkSpec

SPEC = NetworkSpec("gru", 2, (8,), 1)
ENOUGH = int(GPU_PAYS / 3 / SPEC.n_parameters) + 1


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU, as far as choosing goes."""
    monkeypatch.setattr(engines, "_count_gpus", lambda: 1)
    monkeypatch.setattr(engines, "find_spec", lambda name: name)
    monkeypatch.setattr(engines, "_cuda_kernels", lambda: "the GPU's kernels")


def test_without_a_gpu(monkeypatch):
    monkeypatch.setattr(engines, "_count_gpus", lambda: 0)
    with pytest.raises(RuntimeError, match="device='cuda': no NVIDIA GPU.*Or use device='cpu' or 'auto'"):
        select_engine("cuda")
    assert select_engine("auto", SPEC, ENOUGH)[:2] == (cpu, "cpu")
    assert "no NVIDIA GPU" in select_engine("auto").reason


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(engines, "_count_gpus", lambda: 1)
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r'numba-cuda is not installed: pip install "grukit\[cuda13\]"'):
        select_engine("cuda")


@pytest.mark.usefixtures("gpu")
def test_auto_goes_by_the_work():
    assert select_engine("auto", SPEC, ENOUGH).device == "cuda"
    few = select_engine("auto", SPEC, ENOUGH // 2)
    assert few[:2] == (cpu, "cpu")
    assert "pays from about 5e+07" in few.reason
    assert select_engine("cpu", SPEC, ENOUGH) == Engine(cpu, "cpu", "The CPU was asked for.")
    assert select_engine("cuda", SPEC, 1) == Engine("the GPU's kernels", "cuda", "The GPU was asked for.")


@pytest.mark.usefixtures("gpu")
def test_what_the_gpu_has_not_is_refused_by_name():
    @dataclass(frozen=True)
    class Wider(NetworkSpec):
        attention: bool = False

    plain, wider = Wider("gru", 2, (8,), 1), Wider("gru", 2, (8,), 1, attention=True)
    assert select_engine("auto", plain, ENOUGH).device == "cuda"
    chosen = select_engine("auto", wider, ENOUGH)
    assert (chosen.device, chosen.reason) == ("cpu", "The CPU, because the GPU's kernels have no attention=True.")
    with pytest.raises(RuntimeError, match="the GPU's kernels have no attention=True"):
        select_engine("cuda", wider)
    with pytest.raises(RuntimeError, match="the GPU's kernels have no cell='other'"):
        select_engine("cuda", NetworkSpec("other", 2, (8,), 1))


def test_a_prediction_does_not_need_the_gpu(monkeypatch):
    monkeypatch.setattr(engines, "_count_gpus", lambda: 0)
    assert select_engine("cuda", SPEC, required=False).device == "cpu"


def test_cells_of_the_gpu_are_cells():
    assert set(engines.CUDA_CELLS) <= set(CELLS)


def face(kernels):
    """Names and signatures of what an engine is asked for by others."""
    found = {}
    for name in (
        "Session",
        "predict",
        "Batches",
        "Optimizer",
        "Dropout",
        "Options",
        "Samples",
        *(CELLS[cell].network for cell in engines.CUDA_CELLS),
    ):
        thing = getattr(kernels, name)
        found[name] = str(inspect.signature(thing))
        if name == "Session":
            methods = {m: f for m, f in vars(thing).items() if inspect.isfunction(f) and not m.startswith("_")}
            found |= {f"Session.{m}": str(inspect.signature(f)) for m, f in methods.items()}
    return found


def test_both_engines_have_the_same_face():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    from grukit.kernels import cuda

    assert face(cuda) == face(cpu)
    assert len(face(cpu)) > 10


def test_the_cpu_needs_no_cuda():
    code = (
        "import sys\n"
        "blocked = ('numba.cuda', 'numba_cuda', 'cuda')\n"
        "sys.modules.update(dict.fromkeys(blocked))\n"  # to import one of them is now an error
        "import grukit\n"
        "from grukit.engines import select_engine\n"
        "assert select_engine('auto').device == 'cpu'\n"
        "assert 'grukit.kernels.cuda' not in sys.modules\n"
    )
    run_code(code)


def test_ctrl_c_while_numba_is_imported_comes_afterwards():
    """Numba that was imported by halves cannot be imported again: every later fit of the process failed."""
    code = """
import os, signal, sys, threading
from grukit.engines import select_engine
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.core":  # in the middle of it
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
before = signal.default_int_handler
signal.signal(signal.SIGINT, before)  # which a shell's job in the background ignores
try:
    select_engine("cpu")
except KeyboardInterrupt:
    print("interrupted", "grukit.kernels.cpu" in sys.modules, signal.getsignal(signal.SIGINT) is before)
print(select_engine("cpu").device)
seen = []
for name in [name for name in sys.modules if name.startswith("grukit")]:
    del sys.modules[name]
from grukit.engines import select_engine
thread = threading.Thread(target=lambda: seen.append(select_engine("cpu").device))
thread.start()
thread.join()
print(seen)
"""
    assert run_code(code)[0].splitlines() == ["interrupted True True", "cpu", "['cpu']"]
