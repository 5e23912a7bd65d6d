"""The CUDA engine in Numba's simulator; test_simulator.py runs this file in a process of its own."""

import ctypes
import warnings

import numpy as np
import pytest
import reference
import simulator
from plain import PLAIN

simulator.install()

import grukit.kernels.cuda as engine  # noqa: E402
from grukit import GRURegressor, engines  # noqa: E402
from grukit.kernels import cpu  # noqa: E402
from grukit.kernels.cuda import (  # noqa: E402
    _cuda,
    activations,
    batches,
    cublas,
    inference,
    layers,
    memory,
    network,
    optimizer,
    products,
    registers,
    session,
)
from grukit.model import NetworkSpec  # noqa: E402
from grukit.train import SOLVERS, Problem, predict  # noqa: E402

activations.math = simulator.Float64Math()
batches.BLOCKS = optimizer.BLOCKS = 2  # of the sums over blocks; the simulator starts every thread of every block
layers.RESIDENT = 1  # so that a block gets several sequences
network.ROWS_OF_A_SLOT = 4  # so that weight gradients come in several slots
# 32- and 64-bit arithmetic of dropout's draws wraps round; NumPy says so of single numbers.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar")
PARAMETERS = {"squared_error": 0.0, "absolute_error": 0.0, "huber": 0.8, "quantile": 0.7, "poisson": 0.0}
LEVELS = (0.1, 0.5, 0.8)


@pytest.fixture(autouse=True)
def gpu_is_there(monkeypatch):
    monkeypatch.setattr(engines, "missing_for_cuda", lambda: "")


def samples(n, D=2, K=2, per_step=False, dtype="float32", longest=3, seed=0):
    """Pieces of one table, of unequal lengths and weights."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n * longest, D)).astype(dtype)
    lengths = rng.integers(1, longest + 1, n)
    lengths[0] = longest
    starts = np.cumsum(lengths) - lengths
    targets = rng.normal(size=(len(values) if per_step else n, K)).astype(dtype)
    return cpu.Samples(values, targets, starts, lengths, rng.uniform(0.5, 2, n).astype(dtype))


def expected(spec, parameters, data, loss, parameter=None):
    """Outputs, loss and gradient by the reference."""
    T, B = data.lengths.max(), len(data.starts)
    parameter = PARAMETERS[loss] if parameter is None else parameter
    x, y = np.zeros((T, B, spec.n_inputs)), np.zeros((T, B, data.targets.shape[1]))
    for b, (start, length) in enumerate(zip(data.starts, data.lengths, strict=True)):
        x[:length, b] = data.values[start : start + length]
        y[:length, b] = data.targets[start : start + length] if spec.per_step else data.targets[b]
    y = y if spec.per_step else data.targets
    weights, lengths = spec.views(parameters), data.lengths if spec.per_step else None
    outputs, cache = reference.network_forward(spec.cell, weights, x, data.lengths, None, spec.per_step)
    value, d_outputs = reference.loss(loss, outputs, y, data.weights, parameter, lengths)
    gradients, _, _ = reference.network_backward(d_outputs, cache)
    return outputs, value, np.concatenate([gradients[name].ravel() for name in spec.shapes])


# float32 up to 128 units keeps the weights in registers, two slices or four; float64 takes a product a step.
@pytest.mark.parametrize(("cell", "sizes", "per_step", "dtype", "loss"), [
    ("gru", (5, 3), True, "float32", "squared_error"),
    ("gru", (17,), False, "float32", "huber"),
    ("gru_reset_before", (4, 3), False, "float32", "quantile"),
    ("gru_reset_before", (17,), True, "float32", "absolute_error"),
    ("gru", (3, 4), False, "float64", "poisson"),
    ("gru_reset_before", (4, 3), True, "float64", "squared_error"),
])  # fmt: skip
def test_loss_gradient_and_outputs(cell, sizes, per_step, dtype, loss):
    data = samples(4, per_step=per_step, dtype=dtype)
    spec = NetworkSpec(cell, 2, sizes, 2, per_step)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype(dtype)
    outputs, value, gradient = expected(spec, parameters, data, loss)
    with Problem(engine, spec, data, loss, PARAMETERS[loss], batch_size=4) as problem:
        ours, d_parameters = problem.loss_and_gradient(parameters)
    scale = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(ours, value, rtol=scale)
    np.testing.assert_allclose(d_parameters, gradient, atol=scale * np.abs(gradient).max())
    predictions = predict(engine, spec, parameters, data)
    for b, (start, length) in enumerate(zip(data.starts, data.lengths, strict=True)):
        mine = predictions[start : start + length] if per_step else predictions[b]
        np.testing.assert_allclose(mine, outputs[:length, b] if per_step else outputs[b], rtol=scale, atol=scale)


@pytest.mark.parametrize("per_step", [False, True])
def test_several_quantiles_of_each_target(per_step):
    data, spec = samples(4, per_step=per_step), NetworkSpec("gru", 2, (3,), 2 * len(LEVELS), per_step)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype("float32")
    check_gradient(spec, parameters, data, "quantile", LEVELS)


def check_gradient(spec, parameters, data, loss="squared_error", parameter=0.0):
    """Loss and gradient in float32 against the reference."""
    _, value, gradient = expected(spec, parameters, data, loss, parameter)
    with Problem(engine, spec, data, loss, parameter, batch_size=len(data.starts)) as problem:
        ours, d_parameters = problem.loss_and_gradient(parameters)
    np.testing.assert_allclose(ours, value, rtol=1e-6)
    np.testing.assert_allclose(d_parameters, gradient, atol=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_layers_of_more_units_than_registers_hold(cell, monkeypatch):
    monkeypatch.setattr(layers, "LARGEST", 3)  # 128, for the simulator's sake
    spec = NetworkSpec(cell, 2, (4, 3), 2)
    check_gradient(spec, np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype("float32"), samples(3))


@pytest.mark.parametrize("n_inputs", [1, 8])
@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_few_inputs_are_taken_by_the_kernel_itself(cell, n_inputs, monkeypatch):
    data, spec = samples(3, D=n_inputs), NetworkSpec(cell, n_inputs, (3,), 2)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype("float32")
    gradients, launches = [], []
    for few in (8, 0):
        monkeypatch.setattr(layers, "FEW", few)
        with Problem(engine, spec, data, "squared_error", 0.0, batch_size=3) as problem:
            gradients.append(problem.loss_and_gradient(parameters)[1])
            launches.append(len(problem.session._plan.forward))
    assert launches == [2, 3]  # no projection, the steps, the head
    np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-6 * np.abs(gradients[1]).max())


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_one_sequence_of_one_step(cell):
    spec = NetworkSpec(cell, 2, (3,), 2)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype("float32")
    check_gradient(spec, parameters, samples(1, longest=1))


def test_four_slices(monkeypatch):
    """96 and 128 units have four slices; a small size stands in for them, for the simulator's sake."""
    monkeypatch.setattr(registers, "SLICES", {16: 4})
    monkeypatch.setattr("grukit.kernels.cuda.gru.SLICES", {16: 4})
    monkeypatch.setattr("grukit.kernels.cuda.layers.SLICES", {16: 4})
    _cuda.compiled.cache_clear()
    spec = NetworkSpec("gru", 2, (13,), 2)
    check_gradient(spec, np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype("float32"), samples(3))
    _cuda.compiled.cache_clear()


@pytest.mark.parametrize("per_step", [False, True])
def test_a_batch_in_pieces(per_step, monkeypatch):
    data, spec = samples(5, per_step=per_step), NetworkSpec("gru", 2, (3,), 2, per_step)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype("float32")
    outputs, value, gradient = expected(spec, parameters, data, "squared_error")
    for module in (session, inference):
        monkeypatch.setattr(module, "MOST_ROWS", 2)
    with Problem(engine, spec, data, "squared_error", 0.0, data, batch_size=5) as problem:
        ours, d_parameters = problem.loss_and_gradient(parameters)
        np.testing.assert_allclose(problem.validation_loss(parameters), ours, rtol=1e-14)
        np.testing.assert_allclose(problem.probe_loss(parameters, 5), ours, rtol=1e-14)
    np.testing.assert_allclose(ours, value, rtol=1e-6)
    np.testing.assert_allclose(d_parameters, gradient, atol=1e-6 * np.abs(gradient).max())
    if not per_step:
        np.testing.assert_allclose(predict(engine, spec, parameters, data), outputs, rtol=1e-6, atol=1e-6)


class FakeCublas:
    """cublasGemmEx on the host's memory, by its documentation: matrices are stored by columns."""

    def __init__(self):
        self.calls, self.computed = 0, set()

    def cublasSetStream_v2(self, handle, stream):
        return 0

    def cublasGemmEx(
        self,
        handle,
        op_a,
        op_b,
        m,
        n,
        k,
        alpha,
        a,
        a_type,
        lda,
        b,
        b_type,
        ldb,
        beta,
        c,
        c_type,
        ldc,
        compute,
        algorithm,
    ):
        self.calls += 1
        self.computed.add(compute)
        assert (alpha._obj.value, beta._obj.value) == (1, 0)
        assert (a_type, b_type, c_type, compute) in {(0, 0, 0, 68), (0, 0, 0, 77), (1, 1, 1, 70)}
        number = ctypes.c_double if a_type == 1 else ctypes.c_float

        def matrix(pointer, rows, columns, lead):
            flat = (number * (lead * (columns - 1) + rows)).from_address(pointer.value)
            strides = (ctypes.sizeof(number), lead * ctypes.sizeof(number))
            return np.lib.stride_tricks.as_strided(np.frombuffer(flat, number), (rows, columns), strides)

        left = matrix(a, m, k, lda) if op_a == 0 else matrix(a, k, m, lda).T
        right = matrix(b, k, n, ldb) if op_b == 0 else matrix(b, n, k, ldb).T
        matrix(c, m, n, ldc)[:] = left @ right
        return 0


@pytest.mark.parametrize(("cell", "dtype", "n_in_steps"), [
    ("gru", "float64", 6), ("gru_reset_before", "float64", 12), ("gru", "float32", 0),
])  # fmt: skip
def test_products_by_cublas(cell, dtype, n_in_steps, monkeypatch):
    """All but the head's own, which has a bias; in float64 each of the three steps has its products, forward and backward."""
    blas, data, spec = FakeCublas(), samples(3, dtype=dtype), NetworkSpec(cell, 2, (3, 4), 2)
    monkeypatch.setattr(layers, "FEW", 0)
    monkeypatch.setattr(products, "LARGE_PRODUCT", 0)
    monkeypatch.setattr(products, "library", lambda: (blas, None))
    monkeypatch.setattr(cublas, "library", lambda: (blas, None))
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype(dtype)
    _, value, gradient = expected(spec, parameters, data, "squared_error")
    with Problem(engine, spec, data, "squared_error", 0.0, batch_size=3) as problem:
        ours, d_parameters = problem.loss_and_gradient(parameters)
    assert (
        blas.calls == 2 * (1 + n_in_steps + 3) + 1 + 2
    )  # two layers: projection, steps, weights; x of the upper; head
    scale = 1e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ours, value, rtol=scale)
    np.testing.assert_allclose(d_parameters, gradient, atol=scale * np.abs(gradient).max())


@pytest.mark.parametrize(("precision", "compute"), [("full", 68), ("tf32", 77)])
def test_the_precision_of_an_estimator_reaches_cublas(precision, compute, monkeypatch):
    """CUBLAS_COMPUTE_32F, or CUBLAS_COMPUTE_32F_FAST_TF32; the fake computes both alike."""
    X, y = table(8)
    blas = FakeCublas()
    monkeypatch.setattr(layers, "LARGEST", 2)  # a product a step, in predictions too
    monkeypatch.setattr(products, "LARGE_PRODUCT", 0)
    for module in (products, cublas):
        monkeypatch.setattr(module, "library", lambda: (blas, None))
    model = GRURegressor(3, window=2, max_iter=1, batch_size=8, device="cuda", precision=precision)
    for work in (lambda: model.fit(X, y), lambda: model.predict(X)):
        blas.computed.clear()
        work()
        assert blas.computed == {compute}


# --- training against the CPU engine ----------------------------------------------------------------------------------


def table(n=14):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 2))
    return X, X[:, 0] + np.roll(X[:, 1], 1)


@pytest.mark.parametrize("settings", [
    {"solver": "adam", "early_stopping": True, "validation_fraction": 0.3, "alpha": 0.1},
    {"solver": "lbfgs", "max_iter": 1},
    {"dropout": 0.2, "recurrent_dropout": 0.3, "early_stopping": True, "validation_fraction": 0.3},
], ids=["adam", "lbfgs", "dropout"])  # fmt: skip
def test_a_whole_fit_agrees_with_the_cpu(settings):
    X, y = table()
    fitted = {}
    for device in ("cpu", "cuda"):
        options = {"window": 3, "max_iter": 2, "batch_size": 4, "random_state": 0, "clip_norm": 0.5} | settings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # L-BFGS that did not converge
            fitted[device] = GRURegressor(4, device=device, **options).fit(X, y)
    on_cpu, on_gpu = fitted["cpu"], fitted["cuda"]
    assert (on_gpu.device_, on_gpu.device_reason_) == ("cuda", "The GPU was asked for.")
    np.testing.assert_allclose(on_gpu.loss_curve_, on_cpu.loss_curve_, rtol=1e-5)
    if on_cpu.validation_curve_ is not None:
        np.testing.assert_allclose(on_gpu.validation_curve_, on_cpu.validation_curve_, rtol=1e-5)
    np.testing.assert_allclose(on_gpu.history_["gradient_norm"], on_cpu.history_["gradient_norm"], rtol=1e-4)
    np.testing.assert_allclose(on_gpu.predict(X), on_cpu.predict(X), atol=1e-4)
    for name, weights in on_gpu.weights_.items():
        assert type(weights) is np.ndarray
        np.testing.assert_allclose(weights, on_cpu.weights_[name], atol=1e-4, err_msg=name)


def new_optimizer(solver, spec, parameters):
    return cpu.Optimizer(
        SOLVERS[solver], momentum=0.9, nesterov=True, beta_1=0.9, beta_2=0.99, epsilon=1e-8, alpha=0.2, clip_norm=0.3,
        parameters=parameters, previous=parameters.copy(), penalized=spec.penalized(parameters.dtype),
        first_moment=np.zeros_like(parameters), second_moment=np.zeros_like(parameters), step=np.zeros(1, np.int64),
    )  # fmt: skip


SMALL = NetworkSpec("gru", 2, (3,), 2)


def train(kernels, solver, data, stop_at, spec=SMALL, size=2):
    """Small batches, in an order of their own; the optimiser and the batches afterwards."""
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype(data.values.dtype)
    taken = new_optimizer(solver, spec, parameters)
    order, rates = np.array([3, 1, 4, 0, 2]), np.array([0.1, 0.05, 0.02])
    taken_batches = kernels.Batches(order, size, rates, np.zeros((3, 3)), np.zeros(1, np.int64), True, seed=11)
    with Problem(kernels, spec, data, "squared_error", 0.0, batch_size=size) as problem:
        problem.session.begin(taken)
        for stop in stop_at:
            problem.session.train(taken_batches, stop)
        problem.session.end()
    return taken, taken_batches


@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_agree_with_the_cpu(solver):
    data = samples(5)
    on_cpu, batches_cpu = train(cpu, solver, data, [1, 3])
    on_gpu, batches_gpu = train(engine, solver, data, [1, 3])
    assert (on_gpu.step[0], batches_gpu.done[0]) == (on_cpu.step[0], batches_cpu.done[0]) == (3, 3)
    np.testing.assert_allclose(batches_gpu.records, batches_cpu.records, rtol=1e-5)
    for name in ("parameters", "previous", "first_moment", "second_moment"):
        theirs = getattr(on_cpu, name)
        np.testing.assert_allclose(getattr(on_gpu, name), theirs, atol=2e-5 * np.abs(theirs).max(), err_msg=name)


@pytest.mark.parametrize(("cell", "sizes", "per_step", "dtype", "rates"), [
    ("gru", (9, 3), False, "float32", (0.4, 0.3)),  # 9 are not few inputs to the second layer
    ("gru_reset_before", (9, 4), True, "float32", (0.4, 0.3)),
    ("gru", (3, 4), True, "float64", (0.0, 0.3)),
    ("gru", (3,), False, "float64", (0.4, 0.0)),
    ("gru_reset_before", (4, 3), False, "float64", (0.4, 0.3)),
])  # fmt: skip
def test_dropout_draws_what_the_cpu_draws(cell, sizes, per_step, dtype, rates):
    spec = NetworkSpec(cell, 2, sizes, 2, per_step, dropout=rates[0], recurrent_dropout=rates[1])
    data = samples(5, per_step=per_step, dtype=dtype)
    on_cpu, batches_cpu = train(cpu, "sgd", data, [2], spec, 3)
    on_gpu, batches_gpu = train(engine, "sgd", data, [2], spec, 3)
    scale = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(batches_gpu.records, batches_cpu.records, rtol=scale)  # losses and norms of gradients
    theirs = on_cpu.first_moment  # of two gradients, the last with weight 1
    np.testing.assert_allclose(on_gpu.first_moment, theirs, atol=scale * np.abs(theirs).max())


def test_a_step_that_is_not_finite_is_not_taken():
    data = samples(5)
    data.targets[4] = np.inf  # in the second of the three batches
    on_cpu, batches_cpu = train(cpu, "adam", data, [3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of infinity; compiled code is silent
        on_gpu, batches_gpu = train(engine, "adam", data, [3])
    assert (on_gpu.step[0], batches_gpu.done[0]) == (on_cpu.step[0], batches_cpu.done[0]) == (1, 1)
    np.testing.assert_allclose(on_gpu.parameters, on_cpu.parameters, atol=2e-5)
    np.testing.assert_allclose(on_gpu.previous, on_cpu.previous)
    assert not np.isfinite(batches_gpu.records[1]).all()


def test_training_twice_gives_the_same_bits():
    first, second = (train(engine, "adam", samples(5), [3])[0] for _ in range(2))
    assert first.parameters.tobytes() == second.parameters.tobytes()


@pytest.mark.parametrize(("dtype", "per_step"), [("float32", True), ("float64", False)])
def test_memory_is_counted(dtype, per_step, monkeypatch):
    """No less than a plan takes, and little more."""
    taken = []

    def counting(make):
        return lambda *args: taken.append(make(*args)) or taken[-1]

    monkeypatch.setattr(_cuda.cuda, "device_array", counting(_cuda.cuda.device_array))
    monkeypatch.setattr(_cuda.cuda, "to_device", counting(_cuda.cuda.to_device))
    spec = NetworkSpec("gru", 2, (5, 3), 2, per_step, dropout=0.2, recurrent_dropout=0.1)
    parameters, dropping = np.zeros(spec.n_parameters, dtype), spec.for_kernels(engine, seed=0)
    for net, training in ((dropping, True), (spec.for_kernels(engine), True), (spec.for_kernels(engine), False)):
        taken.clear()
        network.NetworkLaunches(net, parameters, 7, 6, training, "full")
        numbers = sum(array.size for array in taken if array.dtype == dtype)
        counted = memory.numbers_of_pieces(net, 7, 6, training) - 8 * spec.n_parameters  # those are the session's
        assert numbers <= counted < 1.3 * numbers


class FullContext:
    """A device with less free memory than the least that is asked for."""

    def get_memory_info(self):
        return type("Memory", (), {"free": 2**27})


def test_too_little_memory_is_said_before_anything_is_taken(monkeypatch):
    monkeypatch.setattr(_cuda.cuda, "current_context", FullContext)
    data, words = samples(5), "needs 0.3 GiB of the GPU's memory, of which 0.1 GiB.*smaller batch_size than 2"
    with pytest.raises(RuntimeError, match=words):
        Problem(engine, SMALL, data, "squared_error", 0.0, batch_size=2)


def test_auto_takes_the_cpu_where_memory_does_not_suffice(monkeypatch):
    monkeypatch.setattr(engines, "GPU_PAYS", 1)
    X, y = table(8)
    model = GRURegressor(2, window=2, max_iter=1, batch_size=8, random_state=0, **PLAIN).fit(X, y)
    assert model.device_ == "cuda"
    on_gpu = model.predict(X)
    monkeypatch.setattr(_cuda.cuda, "current_context", FullContext)
    monkeypatch.setattr(engine, "predict", None)  # the CPU predicts
    np.testing.assert_allclose(model.predict(X), on_gpu, atol=1e-5)
    assert model.fit(X, y).device_ == "cpu"
    assert model.device_reason_ == (
        "The CPU, because the fit needs 0.3 GiB of the GPU's memory, of which 0.1 GiB are free: a smaller batch_size than 8, "
        "a shorter window or fewer units would do."
    )
    with pytest.raises(RuntimeError, match="device='cuda': the fit needs 0.3 GiB of the GPU's memory"):
        model.set_params(device="cuda").fit(X, y)
    np.testing.assert_allclose(model.predict(X), on_gpu, atol=1e-5)


def test_a_fitted_model_predicts_where_there_is_no_gpu(monkeypatch):
    X, y = table(8)
    model = GRURegressor(2, window=2, max_iter=1, batch_size=8, device="cuda", random_state=0).fit(X, y)
    on_gpu = model.predict(X)
    monkeypatch.setattr(engines, "missing_for_cuda", lambda: engines.NO_GPU)
    np.testing.assert_allclose(model.predict(X), on_gpu, atol=1e-5)
    with pytest.raises(RuntimeError, match="no NVIDIA GPU"):
        model.fit(X, y)
