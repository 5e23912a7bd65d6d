"""Is the CUDA engine right: against the tests' float64 reference, against itself, against the CPU engine."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import reference
from _report import NETWORK_ALONE

import grukit.kernels.cuda as engine
from grukit import GRURegressor
from grukit.estimators.fitted import fitted_state
from grukit.kernels import cpu
from grukit.model import NetworkSpec
from grukit.train import Problem, predict


class Case(NamedTuple):
    """A network, and the shape of its batch."""

    cell: str
    hidden: tuple[int, ...]
    B: int
    T: int
    D: int = 3
    per_step: bool = False
    dtype: str = "float32"


SIZES = (1, 5, 16, 31, 32, 48, 64, 100, 128, 160, 256, 512)
SHAPES = (
    (1, 1),
    (3, 37),
    (33, 2),
    (200, 2),
    (33, 37),
)  # the reference goes row by row, so not all of them for all sizes
CELLS = ("gru", "gru_reset_before")
CASES = [
    *(Case(cell, (H,), B, T) for cell in CELLS for H in SIZES for B, T in SHAPES if B * T * H < 50_000),
    *(Case(cell, (H,), 1, 1000) for cell in CELLS for H in (5, 64, 128)),
    *(Case(cell, (24, 40), 33, 20, 9, True) for cell in CELLS),
    *(Case(cell, (H,), 33, 20, 9) for cell in CELLS for H in (16, 64)),  # more inputs than a kernel takes itself
    *(Case(cell, (H,), 5, 20, dtype="float64") for cell in CELLS for H in (7, 150)),
]
TINY = [Case(cell, (H,), 3, 2, 2, per_step) for cell in CELLS for H, per_step in ((5, False), (17, True))]


def data_of(case: Case, seed: int) -> Any:
    """Fresh random samples of unequal lengths."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(max(1, case.T // 2), case.T + 1, case.B)
    lengths[0] = case.T
    starts = np.cumsum(lengths) - lengths
    values = rng.normal(size=(int(lengths.sum()), case.D)).astype(case.dtype)
    targets = rng.normal(size=(len(values) if case.per_step else case.B, 2)).astype(case.dtype)
    return cpu.Samples(values, targets, starts, lengths, rng.uniform(0.5, 2, case.B).astype(case.dtype))


def expected(spec: NetworkSpec, parameters: np.ndarray, data: Any) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss, gradient and outputs of the valid steps by the reference, float64."""
    T, B = int(data.lengths.max()), len(data.starts)
    x, y = np.zeros((T, B, spec.n_inputs)), np.zeros((T, B, spec.n_outputs))
    for b, (start, length) in enumerate(zip(data.starts, data.lengths, strict=True)):
        x[:length, b] = data.values[start : start + length]
        y[:length, b] = data.targets[start : start + length] if spec.per_step else data.targets[b]
    outputs, cache = reference.network_forward(spec.cell, spec.views(parameters), x, data.lengths, None, spec.per_step)
    y, lengths = (y, data.lengths) if spec.per_step else (data.targets, None)
    loss, d_outputs = reference.loss("squared_error", outputs, y, data.weights, None, lengths)
    gradients, _, _ = reference.network_backward(d_outputs, cache)
    valid = np.concatenate([outputs[:n, b] for b, n in enumerate(data.lengths)]) if spec.per_step else outputs
    return loss, np.concatenate([gradients[name].ravel() for name in spec.shapes]), valid


def poison(session: Any) -> None:
    """NaN wherever the passes are to write: a number that nobody wrote is then seen."""
    plan = session._plan
    for array in (
        plan.x,
        plan.outputs,
        session._gradient,
        *(a for la in plan._layers for a in (la.gates, la.d_outside)),
    ):
        array.copy_to_device(np.full(array.shape, np.nan, array.dtype))
    for layer in plan._layers:
        states = layer.h[layer.B * layer.H :]
        states.copy_to_device(np.full(states.shape, np.nan, states.dtype))


def disagreements(cases: list[Case]) -> list[str]:
    """The cases that differ from the reference by more than rounding; prints every error."""
    found = []
    for seed, case in enumerate(cases):
        data = data_of(case, seed)
        spec = NetworkSpec(case.cell, case.D, case.hidden, 2, case.per_step)
        rng = np.random.default_rng(seed)
        parameters = (rng.uniform(-1, 1, spec.n_parameters) / np.sqrt(max(case.hidden))).astype(case.dtype)
        loss, gradient, outputs = expected(spec, parameters, data)
        with Problem(engine, spec, data, "squared_error", 0.0, batch_size=case.B) as problem:
            poison(problem.session)
            value, d_parameters = problem.loss_and_gradient(parameters)
        predicted = predict(engine, spec, parameters, data)
        errors = (
            abs(value - loss) / loss,
            np.abs(d_parameters - gradient).max() / np.abs(gradient).max(),
            np.abs(predicted - outputs).max() / np.abs(outputs).max(),
        )
        allowed = 1e-10 if case.dtype == "float64" else 2e-5
        print(f"   {case}: loss, gradient, outputs {errors[0]:.0e} {errors[1]:.0e} {errors[2]:.0e}", flush=True)
        if not max(errors) < allowed:
            found.append(f"{case} differs by {max(errors):.1e}")
    return found


def compiled_variants() -> dict[str, list[int]]:
    """Registers and bytes of local memory of every kernel, compiled by the driver; local memory must be 0."""
    from numba import cuda, types
    from variants import variants

    found = {}
    for name, kernel, signature, threads in variants(types):
        made = next(iter(cuda.jit(signature, launch_bounds=(threads, 1))(kernel).overloads.values()))
        found[name] = [made.regs_per_thread, made.local_mem_per_thread]
    wrong = [name for name, (_, local) in found.items() if local]
    if wrong:
        raise AssertionError(f"local memory is used by {wrong}")
    return found


class Graphs(engine.Session):
    """Steps recorded and replayed."""

    graphs = True


def fits(rows: int = 3000, epochs: int = 3, units: int = 32, graphs: bool = True) -> str:
    """Fits on the GPU twice, with recorded steps, with dropout, and on the CPU; a sentence, or an error."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 2))
    y = X[:, 0] + np.roll(X[:, 1], 1)

    def fit(device: str, **dropout: float) -> Any:
        options = dict(
            window=min(24, rows // 5), max_iter=epochs, batch_size=min(64, rows // 3), random_state=0, **NETWORK_ALONE
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return GRURegressor(units, device=device, **options, **dropout).fit(X, y)

    first, second, on_cpu = fit("cuda"), fit("cuda"), fit("cpu")
    assert fitted_state(first).parameters.tobytes() == fitted_state(second).parameters.tobytes(), "two fits differ"
    said = "two fits have the same bits"
    if graphs:
        plain, engine.Session = engine.Session, Graphs
        try:
            recorded = fit("cuda")
        finally:
            engine.Session = plain
        assert fitted_state(recorded).parameters.tobytes() == fitted_state(first).parameters.tobytes(), (
            "a recorded step differs"
        )
        said += ", recorded steps too"
    dropout = {"dropout": 0.2, "recurrent_dropout": 0.2}
    for ours, theirs, how in ((first, on_cpu, ""), (fit("cuda", **dropout), fit("cpu", **dropout), ", with dropout")):
        gap = np.abs(np.array(ours.loss_curve_) / np.array(theirs.loss_curve_) - 1).max()
        assert gap < 1e-4, f"loss curves of GPU and CPU{how} differ by {gap:.1e}"
        said += f"; loss curves of GPU and CPU{how} agree to {gap:.0e}"
    return said
