"""Losses, gradients, threads and predictions of whole data sets."""

import numpy as np
import pytest
import reference

from grukit.engines import select_engine
from grukit.model import CELLS, NetworkSpec, initialize
from grukit.train import Problem, predict

KERNELS = select_engine("cpu").kernels
PARAMETERS = {"squared_error": 0.0, "absolute_error": 0.0, "huber": 0.8, "quantile": 0.7, "poisson": 0.0}


def samples(n=7, D=2, K=2, per_step=False, dtype="float64", seed=0, longest=5):
    """Overlapping pieces of one table, of unequal lengths and weights."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n * longest, D)).astype(dtype)
    lengths = rng.integers(1, longest + 1, n)
    # Per-step targets belong to the rows; those of different samples must not overlap.
    starts = np.cumsum(lengths) - lengths if per_step else rng.integers(0, len(values) - longest + 1, n)
    targets = rng.normal(size=(len(values) if per_step else n, K)).astype(dtype)
    return KERNELS.Samples(values, targets, starts, lengths, rng.uniform(0.5, 2, n).astype(dtype))


def padded(data, per_step):
    """The same as x (T, B, D), lengths and targets for the reference."""
    T, B = data.lengths.max(), len(data.starts)
    x = np.zeros((T, B, data.values.shape[1]))
    y = np.zeros((T, B, data.targets.shape[1]))
    for b, (start, length) in enumerate(zip(data.starts, data.lengths, strict=True)):
        x[:length, b] = data.values[start : start + length]
        y[:length, b] = data.targets[start : start + length] if per_step else data.targets[b]
    return x, data.lengths, y if per_step else data.targets


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize("loss", PARAMETERS)
@pytest.mark.parametrize("cell", CELLS)
def test_loss_and_gradient(cell, loss, per_step):
    data = samples(per_step=per_step)
    spec = NetworkSpec(cell, 2, (3, 4), 2, per_step)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    with Problem(KERNELS, spec, data, loss, PARAMETERS[loss]) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        gradient = gradient.copy()
        numeric = reference.central_difference(lambda: problem.loss_and_gradient(parameters)[0], parameters)
    x, lengths, y = padded(data, per_step)
    outputs, cache = reference.network_forward(cell, spec.views(parameters), x, lengths, None, per_step)
    expected, d_outputs = reference.loss(
        loss, outputs, y, data.weights, PARAMETERS[loss], lengths if per_step else None
    )
    gradients, _, _ = reference.network_backward(d_outputs, cache)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for name, view in spec.views(gradient).items():
        np.testing.assert_allclose(view, gradients[name], rtol=1e-9, atol=1e-12, err_msg=name)
        difference = spec.views(numeric)[name]
        assert np.linalg.norm(view - difference) < 1e-6 * (np.linalg.norm(view) + np.linalg.norm(difference)), name


@pytest.mark.parametrize("per_step", [False, True])
def test_any_number_of_threads_gives_the_same_bits(per_step):
    data = samples(n=333, per_step=per_step, dtype="float32", longest=9)
    spec = NetworkSpec("gru", 2, (20,), 2, per_step)
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(0))
    results = []
    for n_threads in (1, 2, 3):
        with Problem(KERNELS, spec, data, "squared_error", 0.0, data, n_threads, batch_size=333) as problem:
            assert problem.session.team.n_threads == n_threads
            value, gradient = problem.loss_and_gradient(parameters)
            results.append((value, gradient.tobytes(), problem.validation_loss(parameters)))
            outputs = predict(KERNELS, spec, parameters, data, n_threads)
            if per_step:  # rows between the samples are not written
                outputs = outputs[: data.lengths.sum()]
            results[-1] += (outputs.tobytes(),)
    assert results[0] == results[1] == results[2]
    np.testing.assert_allclose(results[0][0], results[0][2], rtol=1e-12)


def test_no_more_threads_than_chunks():
    with Problem(KERNELS, NetworkSpec("gru", 2, (3,), 2), samples(), "squared_error", 0.0, None, 8, 64) as problem:
        assert problem.session.team.n_threads == 2


@pytest.mark.parametrize("sizes", [(5,), (32,), (64,), (150,)])
def test_a_prediction_has_the_same_bits_alone_and_in_company(sizes):
    data = samples(n=100, dtype="float32", longest=12)
    spec = NetworkSpec("gru", 2, sizes, 2)
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(0))
    everything = predict(KERNELS, spec, parameters, data)
    for i in (0, 17, 50, 99):
        alone = data._replace(starts=data.starts[i : i + 1], lengths=data.lengths[i : i + 1])
        np.testing.assert_array_equal(predict(KERNELS, spec, parameters, alone)[0], everything[i])
    shuffled = np.random.default_rng(0).permutation(100)
    moved = data._replace(starts=data.starts[shuffled], lengths=data.lengths[shuffled])
    np.testing.assert_array_equal(predict(KERNELS, spec, parameters, moved), everything[shuffled])


@pytest.mark.parametrize("per_step", [False, True])
def test_predictions_agree_with_the_reference(per_step):
    data = samples(n=40, per_step=per_step)
    spec = NetworkSpec("gru", 2, (3, 4), 2, per_step)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    x, lengths, _ = padded(data, per_step)
    expected, _ = reference.network_forward("gru", spec.views(parameters), x, lengths, None, per_step)
    outputs = predict(KERNELS, spec, parameters, data)
    for b, (start, length) in enumerate(zip(data.starts, lengths, strict=True)):
        got, wanted = (outputs[start : start + length], expected[:length, b]) if per_step else (outputs[b], expected[b])
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-12)


def test_the_blas_gets_its_threads_back():
    from threadpoolctl import threadpool_info

    before = [(info["filepath"], info["num_threads"]) for info in threadpool_info()]
    spec = NetworkSpec("gru", 2, (3,), 2)
    with Problem(KERNELS, spec, samples(), "squared_error", 0.0) as problem:
        with Problem(KERNELS, spec, samples(), "squared_error", 0.0):
            assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == {1}
        problem.loss_and_gradient(np.zeros(spec.n_parameters))
        assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == {1}
    assert [(info["filepath"], info["num_threads"]) for info in threadpool_info()] == before


@pytest.mark.parametrize("failing", [0, 2])
def test_a_team_that_fails_leaves_nobody_waiting(failing):
    def fails(thread, team, control):
        if thread == failing:
            raise OSError("No space left on device")
        while not control[8]:  # what a barrier looks at
            pass

    with KERNELS.Team(3) as team, pytest.raises(OSError, match="No space left"):
        team.run(fails)
