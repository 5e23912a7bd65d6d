"""Every kernel that is shipped, compiled to PTX and assembled by ptxas: it takes no GPU, and it shows what does not fit."""

import gc
import re
import subprocess
import tempfile
from types import SimpleNamespace

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pathfinder = pytest.importorskip("cuda.pathfinder")


def found(library):
    try:
        return pathfinder.load_nvidia_dynamic_lib(library)
    except pathfinder.DynamicLibNotFoundError:
        return None


PTXAS = pathfinder.find_nvidia_binary_utility("ptxas")
if not (PTXAS and found("nvvm") and found("nvrtc")):
    pytest.skip('ptxas, NVVM or NVRTC is not there: pip install ".[test-cuda]"', allow_module_level=True)

from numba import cuda, types  # noqa: E402
from variants import variants  # noqa: E402

ARCHITECTURES = ("sm_80", "sm_90")
SHARED_MEMORY, REGISTERS = 48 * 1024, 65536


def assemble(ptx, architecture):
    """What ptxas says of the kernel: registers, shared memory, stack, spilled bytes."""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        command = [PTXAS, "-v", f"-arch={architecture}", file.name, "-o", "/dev/null"]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def largest(pattern):
        return max((int(number) for number in re.findall(pattern, done.stderr)), default=0)

    return {
        "registers": largest(r"Used (\d+) registers"),
        "shared": largest(r"(\d+) bytes smem"),
        "stack": largest(r"(\d+) bytes stack frame"),
        "spilled": largest(r"(\d+) bytes spill"),
    }


def compiled(kernel, signature, threads, monkeypatch):
    """PTX for the oldest of the architectures; the others' differs in the line that names it, and costs as long again."""
    # Where a device function is called, numba-cuda asks the current device which code to make; here there is none.
    device = SimpleNamespace(compute_capability=(8, 0))
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: device)
    return cuda.compile_ptx(kernel, signature, cc=device.compute_capability, launch_bounds=(threads, 1))[0]


@pytest.fixture
def uncollected():
    """Numba's compiler makes many objects and few cycles: to look for none takes a fifth less time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_every_kernel_fits(monkeypatch):
    wrong = []
    print(f"\n{'':58}threads  registers sm_80, sm_90  shared memory")
    for name, kernel, signature, threads in variants(types):
        registers, ptx = [], compiled(kernel, signature, threads, monkeypatch)
        assert ptx.count(".target sm_80") == 1
        for architecture in ARCHITECTURES:
            used = assemble(ptx.replace(".target sm_80", f".target {architecture}"), architecture)
            registers.append(used["registers"])
            too_many = threads * used["registers"] > REGISTERS
            if used["stack"] or used["spilled"] or used["shared"] > SHARED_MEMORY or too_many:
                wrong.append((name, architecture, used))
            # Widened by a constant, a float32 kernel would run at a fraction of its speed.
            if "all steps" in name and (".f64" in ptx or "ld.shared.v4.f32" not in ptx):
                wrong.append((name, architecture, "float64, or no vector loads"))
        print(f"{name:58}{threads:7}{registers[0]:17}{registers[1]:7}{used['shared']:15}")
    assert not wrong, wrong
