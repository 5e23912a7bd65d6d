"""How fast the CUDA engine is, by CUDA events, beside ``torch.nn.GRU`` on the same GPU with TF32 off and on."""

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from _report import NETWORK_ALONE
from gpu_checks import Graphs
from numba import cuda

import grukit.kernels.cuda as engine
from grukit import GRURegressor
from grukit.kernels import cpu
from grukit.kernels.cuda import layers
from grukit.kernels.cuda.products import product
from grukit.model import NetworkSpec, initialize
from grukit.train import SOLVERS, Problem

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
    optimizer = cpu.Optimizer(
        SOLVERS["adam"], 0.0, False, 0.9, 0.999, 1e-8, 0.0, 1.0, parameters, parameters.copy(),
        spec.penalized("float32"), np.zeros_like(parameters), np.zeros_like(parameters), np.zeros(1, np.int64),
    )  # fmt: skip
    plain, engine.Session = engine.Session, kind
    try:
        problem = Problem(engine, spec, taken, "squared_error", 0.0, batch_size=shape.B, precision=precision)
    finally:
        engine.Session = plain
    session, n = problem.session, 8
    session.begin(optimizer)

    def epoch(i: int) -> None:
        order = np.random.default_rng(i).permutation(len(taken.starts))
        session.train(cpu.Batches(order, shape.B, np.full(n, RATE), np.zeros((n, 3)), np.zeros(1, np.int64), True), n)

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


# --- whole fits: where "auto" should switch ---------------------------------------------------------------------------


def whole_fits() -> list[dict[str, Any]]:
    """Seconds of two epochs on 100,000 rows, on the CPU and on the GPU, after everything was compiled.

    PyTorch's figure is its measured step times the number of steps: its loop has nothing else.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 4)).astype(np.float32)
    y, found = X[:, 0] + np.roll(X[:, 1], 1), []
    for units, window, batch in ((8, 12, 64), (16, 24, 64), (32, 48, 128), (64, 48, 256)):
        seconds = {}
        for device in ("cpu", "cuda"):
            model = GRURegressor(
                units,
                window=window,
                batch_size=batch,
                max_iter=1,
                n_jobs=-1,
                device=device,
                random_state=0,
                **NETWORK_ALONE,
            )
            model.fit(X[:2000], y[:2000])
            began = time.perf_counter()
            model.set_params(max_iter=2).fit(X, y)
            seconds[device] = time.perf_counter() - began
        if find_spec("torch"):
            n_steps = 2 * -(-len(X) // batch)
            seconds["torch"] = 1e-3 * n_steps * theirs(Shape(units, batch, window, 4, 0), False)["step"]
        parameters = model.n_parameters_
        found.append(
            {
                "shape": [units, window, batch],
                "multiplications": 3 * parameters * window * batch,
                "seconds": seconds,
            }
        )
        print(f"   {found[-1]}", flush=True)
    return found


def fit_table(found: Any) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows."""
    if not isinstance(found, list):
        return None
    rows = [
        [
            ", ".join(map(str, case["shape"])),
            f"{case['multiplications']:.1e}",
            *(f"{case['seconds'].get(name, np.nan):.1f}" for name in ("cpu", "cuda", "torch")),
        ]
        for case in found
    ]
    return [
        "two epochs on 100,000 rows: units, window, batch",
        "multiplications a step",
        "CPU, s",
        "GPU, s",
        "PyTorch, s",
    ], rows
