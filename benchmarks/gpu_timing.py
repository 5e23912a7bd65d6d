"""How fast a training step of the CUDA engine is, by CUDA events, beside ``torch.nn.GRU`` on the same GPU, TF32 off and on."""

import statistics
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from _steps import adam, take_steps
from gpu_checks import Graphs
from numba import cuda

import grukit.kernels.cuda as engine
from grukit.kernels import cpu
from grukit.kernels.cuda import layers
from grukit.kernels.cuda.products import product
from grukit.model import NetworkSpec, initialize
from grukit.train import Problem

WARM_UPS, REPEATS = 10, 50
RATE = 1e-3


class Shape(NamedTuple):
    """A training step, and the goal: PyTorch's time over ours, TF32 off."""

    H: int
    B: int
    T: int
    D: int
    goal: float


SHAPES = [
    Shape(16, 64, 48, 2, 1.3),
    Shape(32, 64, 96, 8, 1.3),
    Shape(64, 64, 96, 8, 1.3),
    Shape(64, 256, 168, 8, 1.3),
    Shape(96, 64, 96, 8, 1.5),
    Shape(128, 64, 168, 8, 1.5),
    Shape(128, 256, 168, 32, 1.5),
    Shape(160, 64, 100, 16, 3),
    Shape(256, 64, 100, 32, 1),
    Shape(512, 128, 100, 32, 1),
]


def median_ms(work: Callable[[int], object], stream: Any = 0, repeats: int = REPEATS) -> float:
    """Milliseconds of ``work(i)`` on the device, the median; the argument says which inputs to take."""
    for i in range(WARM_UPS):
        work(i)
    times = []
    for i in range(repeats):
        start, stop = cuda.event(), cuda.event()
        cuda.synchronize()
        start.record(stream)
        work(i)
        stop.record(stream)
        stop.synchronize()
        times.append(start.elapsed_time(stop))
    return statistics.median(times)


def device_speed() -> dict[str, float]:
    """Copies and products: what the device can do."""
    n, m = 64 * 2**20, 4096
    a, b = cuda.device_array(n, np.float32), cuda.device_array(n, np.float32)
    found = {"copy GB/s": 8e-6 * n / median_ms(lambda i: b.copy_to_device(a))}
    x, y = (cuda.to_device(np.random.default_rng(0).normal(size=(m, m)).astype(np.float32)) for _ in range(2))
    out = cuda.device_array((1, m * m), np.float32)
    for precision in ("full", "tf32"):
        launch = product("nn", x, y, out, 0, m, None, precision)
        name = f"{type(launch).__name__} {precision} TFLOP/s"
        found[name] = 2e-9 * m**3 / median_ms(lambda i, launch=launch: launch.run(0))
    return found


# --- a training step --------------------------------------------------------------------------------------------------


def data(shape: Shape, n: int) -> Any:
    """Windows of one table, ``n`` of them."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n + shape.T, shape.D)).astype(np.float32)
    starts, lengths = np.arange(n), np.full(n, shape.T)
    return cpu.Samples(values, rng.normal(size=(n, 1)).astype(np.float32), starts, lengths, np.ones(n, np.float32))


def ours(shape: Shape, kind: Any, precision: str = "full") -> dict[str, float]:
    """Milliseconds of the passes and of a whole step, by a kind of session."""
    taken, spec = data(shape, 8 * shape.B), NetworkSpec("gru", shape.D, (shape.H,), 1)
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(0))
    plain, engine.Session = engine.Session, kind
    try:
        problem = Problem(engine, spec, taken, "squared_error", 0.0, batch_size=shape.B, precision=precision)
    finally:
        engine.Session = plain
    session, n = problem.session, 8
    session.begin(adam(spec, parameters))

    def epoch(i: int) -> None:
        take_steps(session, np.random.default_rng(i).permutation(len(taken.starts)), shape.B, RATE)

    found = {"step": median_ms(epoch, repeats=20) / n}  # an epoch of 8 batches: its copies are part of it
    if kind is engine.Session:
        forward, backward = session._plan.forward, session._plan.backward
        found["forward"] = median_ms(lambda i: [launch.run(0) for launch in forward])
        both = [*forward, *backward]
        found["forward + backward"] = median_ms(lambda i: [launch.run(0) for launch in both])
    return found


def theirs(shape: Shape, tf32: bool) -> dict[str, float]:
    """The same by PyTorch: gathered windows, squared loss, clipping, the fused Adam."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    taken, device = data(shape, 8 * shape.B), torch.device("cuda")
    values, targets = (torch.from_numpy(array).to(device) for array in (taken.values, taken.targets))
    layer = torch.nn.GRU(shape.D, shape.H).to(device)
    head = torch.nn.Linear(shape.H, 1).to(device)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=RATE, fused=True)
    rows = torch.arange(shape.T, device=device)[:, None]
    orders = [torch.randperm(len(targets), device=device)[: shape.B] for _ in range(8)]

    def loss(i: int) -> Any:
        batch = orders[i % 8]
        x = values[batch[None, :] + rows]
        return torch.nn.functional.mse_loss(head(layer(x)[1][-1]), targets[batch])

    def step(i: int) -> None:
        optimizer.zero_grad()
        loss(i).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    def forward(i: int) -> None:
        with torch.no_grad():
            loss(i)

    # PyTorch works on the legacy default stream, where events of stream 0 are recorded too.
    return {
        "forward": median_ms(forward),
        "forward + backward": median_ms(lambda i: loss(i).backward()),
        "step": median_ms(step),
    }


def projected(shape: Shape) -> dict[str, float]:
    """The same where no kernel takes few inputs itself: what that is worth."""
    few, layers.FEW = layers.FEW, 0
    try:
        return ours(shape, engine.Session)
    finally:
        layers.FEW = few


def steps(wrong: Any, left: Callable[[], float]) -> list[dict[str, Any]]:
    """All shapes that are right, by all contenders, until fewer than 180 of the seconds that are ``left`` remain."""
    found: list[dict[str, Any]] = []
    for shape in SHAPES if isinstance(wrong, list) else []:
        if any(f"hidden=({shape.H}," in sentence for sentence in wrong):
            continue
        if left() < 180:
            print("   the other shapes: no time left")
            break
        times = {"grukit": ours(shape, engine.Session), "graphs": ours(shape, Graphs)}
        times |= {"tf32": ours(shape, engine.Session, "tf32"), "projected": projected(shape)}
        if find_spec("torch"):
            times |= {"torch": theirs(shape, False), "torch tf32": theirs(shape, True)}
        print(f"   {shape}: {times}", flush=True)
        found.append({"shape": shape._asdict(), "ms": times})
    return found


def step_table(found: Any) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows: milliseconds of a step, and the ratio to PyTorch's."""
    if not isinstance(found, list) or not found:
        return None
    names = list(found[0]["ms"])
    rows = []
    for case in found:
        shape, ms = case["shape"], {name: times["step"] for name, times in case["ms"].items()}
        best = min(ms["grukit"], ms["graphs"])
        ratio = f"{ms['torch'] / best:.2f}" if "torch" in ms else ""
        shown = f"{shape['H']}, {shape['B']}, {shape['T']}, {shape['D']}"
        rows.append([shown, *(f"{ms[name]:.2f}" for name in names), ratio, f"{shape['goal']:g}"])
    return ["units, rows, steps, inputs", *(f"{name}, ms" for name in names), "torch / grukit", "goal"], rows
