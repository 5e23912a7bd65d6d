"""Losses, gradients, threads and predictions of whole data sets."""

import numpy as np
import pytest
import reference
from sklearn.exceptions import ConvergenceWarning
from thorough import if_full

from grukit.engines import select_engine
from grukit.kernels.cpu.inference.predictions import taken_out
from grukit.kernels.cpu.training.losses import MANY_OUTPUTS
from grukit.model import NetworkSpec, initialize, network_forward
from grukit.train import LOSSES, Problem, TrainingOptions, fit_stochastic, predict

KERNELS = select_engine("cpu").kernels
PARAMETERS = {"huber": 0.8, "quantile": 0.7}


def targets_of(loss, shape, rng):
    """Numbers, zeros and ones, or numbers of classes."""
    if loss == "cross_entropy":
        return rng.integers(shape[1], size=(shape[0], 1))
    return rng.integers(2, size=shape) if loss == "log_loss" else rng.normal(size=shape)


def samples(n=7, D=2, K=2, per_step=False, dtype="float64", seed=0, longest=5, loss="squared_error"):
    """Overlapping pieces of one table, of unequal lengths and weights."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n * longest, D)).astype(dtype)
    lengths = rng.integers(1, longest + 1, n)
    # Per-step targets belong to the rows; those of different samples must not overlap.
    starts = np.cumsum(lengths) - lengths if per_step else rng.integers(0, len(values) - longest + 1, n)
    targets = targets_of(loss, (len(values) if per_step else n, K), rng).astype(dtype)
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
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_loss_and_gradient(cell, loss, per_step):
    data = samples(per_step=per_step, loss=loss)
    check_loss_and_gradient(NetworkSpec(cell, 2, (3, 4), 2, per_step), data, loss)


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
def test_loss_and_gradient_of_many_outputs(per_step):
    data = samples(K=MANY_OUTPUTS + 5, per_step=per_step)
    check_loss_and_gradient(NetworkSpec("gru", 2, (3,), MANY_OUTPUTS + 5, per_step), data, "squared_error")


def test_missing_targets_have_no_part_in_the_loss_of_many_outputs():
    data = samples(K=MANY_OUTPUTS)
    data.targets[::2, 3:9] = np.nan
    data.targets[1] = np.nan
    spec = NetworkSpec("gru", 2, (3,), MANY_OUTPUTS)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    with Problem(KERNELS, spec, data, "squared_error", 0.0) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        found = spec.views(gradient)["head.bias"].copy()
    errors = predict(KERNELS, spec, parameters, data) - data.targets
    known = ~np.isnan(errors)
    shares = (data.weights / data.weights.sum() / np.maximum(known.sum(axis=1), 1))[:, None]
    np.testing.assert_allclose(value, np.sum(shares * errors**2, where=known), rtol=1e-13)
    np.testing.assert_allclose(found, np.sum(2 * shares * errors, axis=0, where=known), rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "cross_entropy"])
def test_steps_may_have_weights_of_their_own(loss):
    data = samples(K=3, per_step=True, loss=loss)
    weights = np.random.default_rng(2).uniform(0, 2, len(data.values)).round(1)  # some of them zero
    data = data._replace(step_weights=weights)
    spec = NetworkSpec("gru", 2, (3,), 3, True)
    check_loss_and_gradient(spec, data, loss)
    with Problem(KERNELS, spec, data, loss, 0.0) as problem:
        rows = [slice(first, first + n) for first, n in zip(data.starts, data.lengths, strict=True)]
        total = sum(w * weights[row].sum() for w, row in zip(data.weights, rows, strict=True))
        assert problem.total_weight == pytest.approx(total, rel=1e-14)


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
def test_each_target_has_an_output_for_each_of_several_quantiles(per_step):
    data = samples(per_step=per_step)
    check_loss_and_gradient(NetworkSpec("gru", 2, (3, 4), 6, per_step), data, "quantile", (0.1, 0.5, 0.8))


def test_missing_targets_have_no_part_in_the_loss_of_several_quantiles():
    """A mean over the levels of what is known: the same as that of each level by itself."""
    data, levels = samples(), (0.2, 0.9)
    data.targets[::2, 1] = np.nan
    data.targets[1] = np.nan
    spec, one = NetworkSpec("gru", 2, (3,), 4), NetworkSpec("gru", 2, (3,), 2)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    views = spec.views(parameters)
    with Problem(KERNELS, spec, data, "quantile", levels) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
    head, values, slopes = spec.views(gradient)["head.bias"], [], []
    for m, level in enumerate(levels):
        own = np.empty(one.n_parameters)
        for name, view in one.views(own).items():
            view[...] = views[name][m::2] if name.startswith("head") else views[name]
        with Problem(KERNELS, one, data, "quantile", level) as problem:
            found, d_own = problem.loss_and_gradient(own)
        values.append(found)
        slopes.append(one.views(d_own)["head.bias"].copy())
    assert value == pytest.approx(np.mean(values), rel=1e-13)
    np.testing.assert_allclose(head.reshape(2, 2).T, np.array(slopes) / 2, rtol=1e-12)


def check_loss_and_gradient(spec, data, loss, parameter=None):
    """Against the reference and central differences."""
    cell, per_step = spec.cell, spec.per_step
    parameter = PARAMETERS.get(loss, 0.0) if parameter is None else parameter
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    with Problem(KERNELS, spec, data, loss, parameter) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        gradient = gradient.copy()
        numeric = reference.central_difference(lambda: problem.loss_and_gradient(parameters)[0], parameters)
    x, lengths, y = padded(data, per_step)
    outputs, cache = reference.network_forward(cell, spec.views(parameters), x, lengths, None, per_step)
    weights = data.weights
    if data.step_weights.size:
        weights = np.ones(x.shape[:2]) * weights
        for b, (start, length) in enumerate(zip(data.starts, lengths, strict=True)):
            weights[:length, b] *= data.step_weights[start : start + length]
    expected, d_outputs = reference.loss(loss, outputs, y, weights, parameter, lengths if per_step else None)
    gradients, _, _ = reference.network_backward(d_outputs, cache)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for name, view in spec.views(gradient).items():
        np.testing.assert_allclose(view, gradients[name], rtol=1e-9, atol=1e-12, err_msg=name)
        difference = spec.views(numeric)[name]
        assert np.linalg.norm(view - difference) < 1e-6 * (np.linalg.norm(view) + np.linalg.norm(difference)), name


@pytest.mark.parametrize("dtype", ["float64", *if_full("float32")])
@pytest.mark.parametrize("outputs", [[50.0, 0.0, -3.0], [0.0, 3e4, 0.0], [-1e4, -1e4, -1e4]])
def test_the_cross_entropy_of_a_sure_answer_keeps_its_digits(outputs, dtype):
    spec = NetworkSpec("gru", 2, (3,), 3)
    parameters = np.zeros(spec.n_parameters, dtype)
    spec.views(parameters)["head.bias"][...] = outputs  # every other weight is zero, so these are the outputs
    exact = np.array(outputs, np.longdouble)
    for target in range(3):
        data = samples(K=3, dtype=dtype, loss="cross_entropy")
        data.targets[:] = target
        with Problem(KERNELS, spec, data, "cross_entropy", 0.0) as problem:
            value, gradient = problem.loss_and_gradient(parameters)
            gradient = spec.views(gradient)["head.bias"].copy()
        parts = np.exp(exact - exact.max())
        rest = np.delete(parts, target).sum()
        away = exact.max() - exact[target]
        loss = np.log1p(rest) if away == 0 else away + np.log(parts.sum())
        expected = parts / parts.sum()
        expected[target] = -rest / parts.sum()
        np.testing.assert_allclose(value, loss, rtol=8 * np.finfo(dtype).eps, atol=1e-300)
        np.testing.assert_allclose(gradient, expected, rtol=16 * np.finfo(dtype).eps, atol=1e-300)


def test_the_cross_entropy_sees_nan():
    spec = NetworkSpec("gru", 2, (3,), 3)
    for k in range(3):
        parameters = np.zeros(spec.n_parameters)
        spec.views(parameters)["head.bias"][k] = np.nan
        with Problem(KERNELS, spec, samples(K=3, loss="cross_entropy"), "cross_entropy", 0.0) as problem:
            value, gradient = problem.loss_and_gradient(parameters)
            assert np.isnan(value) and np.isnan(spec.views(gradient)["head.bias"]).all()


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


def threads_of(n, steps, units, batch_size=64, wanted=8):
    """Threads of a session for sequences of equal length."""
    data = samples(n=n, longest=steps)._replace(lengths=np.full(n, steps), starts=np.zeros(n, np.int64))
    with Problem(
        KERNELS, NetworkSpec("gru", 2, (units,), 2), data, "squared_error", 0.0, None, wanted, batch_size
    ) as problem:
        return problem.session.team.n_threads


def test_no_more_threads_than_chunks():
    assert threads_of(n=64, steps=5, units=3) == 2  # 32 sequences are a chunk
    assert threads_of(n=7, steps=5, units=3) == 1
    assert threads_of(n=64, steps=5, units=3, batch_size=20) == 1
    assert threads_of(n=64, steps=5, units=40) == 4  # of so many units 16


def test_a_batch_that_is_worth_it_has_several_chunks():
    assert threads_of(n=16, steps=250, units=256) == 2
    assert threads_of(n=64, steps=96, units=256) == 4
    assert threads_of(n=32, steps=24, units=32) == 1


@pytest.mark.parametrize("dtype", ["float32", *if_full("float64")])
@pytest.mark.parametrize(("cell", "sizes", "options"), [
    ("gru", (5,), {}),
    ("gru", (32,), {"learned_state": True}),
    ("gru", (64, 9), {"per_step": True}),
    ("gru", (150,), {}),
    ("gru", (6,), {"bidirectional": True}),
    ("gru_reset_before", (33,), {}),
    ("dual_state", (6,), {}),
    ("dual_state_basic", (11,), {"bidirectional": True}),
])  # fmt: skip
def test_a_prediction_has_the_same_bits_alone_and_in_company(cell, sizes, options, dtype, monkeypatch):
    """Whichever kernel takes a sequence: one by one, in lanes, in rows, in a chunk that is filled up."""
    data = samples(n=100, dtype=dtype, longest=12, per_step="per_step" in options)
    spec = NetworkSpec(cell, 2, sizes, 2, **options)
    parameters = initialize(spec, "uniform", dtype, np.random.RandomState(0))
    everything = predictions(spec, parameters, data, np.arange(100))
    for lanes in (False, True):  # whatever pays on this processor
        monkeypatch.setattr("grukit.kernels.cpu.inference.predictions.half_a_tile_is_busy", lambda *_, it=lanes: it)
        for n in (1, 2, 3, 8, 9, 16, 17, 40):
            for first in (0, 17, 60):
                some = predictions(spec, parameters, data, np.arange(first, first + n))
                assert some == everything[first : first + n]
    shuffled = np.random.default_rng(0).permutation(100)
    assert predictions(spec, parameters, data, shuffled) == [everything[i] for i in shuffled]


def predictions(spec, parameters, data, chosen, n_threads=1):
    """The bits of what is predicted for each of the chosen samples, together."""
    data = data._replace(starts=data.starts[chosen], lengths=data.lengths[chosen])
    outputs = predict(KERNELS, spec, parameters, data, n_threads)
    if not spec.per_step:
        return [row.tobytes() for row in outputs]
    return [outputs[first : first + n].tobytes() for first, n in zip(data.starts, data.lengths, strict=True)]


@pytest.mark.parametrize(("units", "most"), [(10, 4), (23, 4), (24, 12), (128, 12)])
def test_a_few_sequences_are_taken_by_themselves(units, most):
    for n in range(1, 40):
        assert taken_out(np.full(n, 30), units).sum() == (n % 16 if n % 16 <= most else 0)


def test_sequences_that_would_fill_no_chunk_are_taken_by_themselves():
    assert taken_out(np.array([700] + [30] * 16), 32).tolist() == [True] + [False] * 16
    assert taken_out(np.array([31, 30] + [30] * 30), 32).sum() == 0
    assert taken_out(np.array([40, 39] + [30] * 30), 32).tolist() == [True] * 2 + [False] * 30
    assert taken_out(np.array([60, 50, 3, 2, 1]), 32).all()
    assert not taken_out(np.array([31, 30, 30, 30, 30]), 10).any()


BOTH_WAYS = {"bidirectional": True, "learned_state": True}


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize(("cell", "dtype", "options"), [
    ("gru", "float32", {}),
    ("gru", "float64", {}),
    ("gru", "float64", BOTH_WAYS),
    ("gru_reset_before", "float64", {}),
    ("dual_state", "float64", {}),
    *if_full(("gru", "float32", BOTH_WAYS), *((cell, "float64", BOTH_WAYS) for cell in ("gru_reset_before", "dual_state"))),
])  # fmt: skip
def test_predictions_agree_with_the_forward_pass(cell, dtype, options, per_step):
    """Two loops of their own: the forward pass keeps what the backward pass needs, prediction keeps nothing."""
    data = samples(n=40, per_step=per_step, dtype=dtype)
    spec = NetworkSpec(cell, 2, (3, 17), 2, per_step, **options)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype(dtype)
    x, lengths, _ = padded(data, per_step)
    expected, _ = network_forward(spec, parameters, x, lengths)
    outputs = predict(KERNELS, spec, parameters, data)
    tolerance = {"rtol": 1e-11, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-5, "atol": 2e-6}
    for b, (start, length) in enumerate(zip(data.starts, lengths, strict=True)):
        got, wanted = (outputs[start : start + length], expected[:length, b]) if per_step else (outputs[b], expected[b])
        np.testing.assert_allclose(got, wanted, **tolerance)


DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.4}


def gradients_with_dropout(data, chosen, n_threads=1):
    """Gradient of the weighted sum of losses of ``chosen`` samples, all masks from one seed."""
    spec = NetworkSpec("gru", 2, (20,), 2, bidirectional=True, **DROPOUT)
    parameters = initialize(spec, "uniform", data.values.dtype.name, np.random.RandomState(0))
    with Problem(KERNELS, spec, data, "squared_error", 0.0, None, n_threads, batch_size=len(chosen)) as problem:
        batches = KERNELS.Batches(chosen, len(chosen), np.zeros(1), np.zeros((1, 3)), np.zeros(1, np.int64), False, 5)
        session = problem.session
        session.begin(KERNELS.idle_optimizer(parameters))
        session.train(batches, 1)
        return session.storage.slots[0] * batches.records[0, 1], session.storage.slots[0].tobytes()


def test_dropout_depends_neither_on_threads_nor_on_the_batch():
    data = samples(n=100, dtype="float64", longest=6)
    whole = np.arange(100)
    gradient, bits = gradients_with_dropout(data, whole)
    assert gradients_with_dropout(data, whole, n_threads=3)[1] == bits
    parts = sum(gradients_with_dropout(data, part)[0] for part in (whole[:7], whole[7:60], whole[60:]))
    np.testing.assert_allclose(parts, gradient, rtol=1e-10, atol=1e-13)
    shuffled = np.random.default_rng(0).permutation(100)
    np.testing.assert_allclose(gradients_with_dropout(data, shuffled)[0], gradient, rtol=1e-10, atol=1e-13)
    other = data._replace(values=data.values[::-1].copy())
    assert not np.allclose(gradients_with_dropout(other, whole)[0], gradient)


# --- sequences of unequal length, in several segments -----------------------------------------------------------------

UNEQUAL = {
    "plain": {},
    "learned": {"learned_state": True},
    "bidirectional": {"bidirectional": True, "learned_state": True},
    "decay": {"decay": True},
    "all": {"bidirectional": True, "learned_state": True, **DROPOUT},
    "decay and dropout": {"decay": True, **DROPOUT},
}


def unequal(spec, loss="squared_error", dtype="float64"):
    """Eleven sequences of 1 to 60 steps; with decay some values are missing, and the last column is a time."""
    rng = np.random.default_rng(3)
    data = samples(n=11, D=2, K=2, per_step=spec.per_step, dtype=dtype, longest=60, loss=loss)
    lengths = np.array([7, 60, 1, 31, 31, 2, 44, 18, 5, 59, 12])
    starts = np.cumsum(lengths) - lengths
    values = data.values
    if spec.decay:
        values = values[:, [0, 1, 0]].copy()
        values[:, 2] = rng.uniform(0.1, 2, len(values))
        values[:, :2][rng.random((len(values), 2)) < 0.3] = np.nan
    return data._replace(values=values, starts=starts, lengths=lengths)


def weighted_loss_and_gradient(spec, data, parameters, chosen, n_threads=1, loss="squared_error"):
    """Sum of the losses of the chosen samples times their weights, and its gradient; dropout by the seed 5."""
    with Problem(KERNELS, spec, data, loss, 0.0, None, n_threads, batch_size=max(64, len(chosen))) as problem:
        batches = KERNELS.Batches(
            np.array(chosen), len(chosen), np.zeros(1), np.zeros((1, 3)), np.zeros(1, np.int64), False, 5
        )
        problem.session.begin(KERNELS.idle_optimizer(parameters))
        problem.session.train(batches, 1)
        loss, weight, _ = batches.records[0]
        return loss, problem.session.storage.slots[0] * weight


def spec_of(cell, per_step, options):
    decay = "decay" in UNEQUAL[options]
    return NetworkSpec(cell, 4 if decay else 2, (4, 3), 2, per_step, **UNEQUAL[options])


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(("cell", "options"), [
    ("gru", "plain"),
    ("gru", "learned"),
    ("gru", "all"),
    ("gru_reset_before", "learned"),
    *if_full(("gru", "decay and dropout"), ("gru_reset_before", "decay"), ("dual_state", "all")),
    *if_full(*((cell, "bidirectional") for cell in ("dual_state", "dual_state_basic"))),
])  # fmt: skip
def test_sequences_of_unequal_length_are_as_each_alone(cell, options, per_step):
    spec = spec_of(cell, per_step, options)
    data, parameters = unequal(spec), np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    together, gradient = weighted_loss_and_gradient(spec, data, parameters, range(11))
    alone = [weighted_loss_and_gradient(spec, data, parameters, [i]) for i in range(11)]
    np.testing.assert_allclose(together, sum(loss for loss, _ in alone), rtol=1e-11)
    expected = spec.views(sum(each for _, each in alone))
    for name, view in spec.views(gradient).items():
        np.testing.assert_allclose(view, expected[name], rtol=1e-8, atol=1e-11, err_msg=name)
        assert np.abs(view).max() > 0, name
    outputs = predict(KERNELS, spec, parameters, data)
    for i in range(11):
        (one,) = predictions(spec, parameters, data, [i])
        rows = slice(data.starts[i], data.starts[i] + data.lengths[i]) if per_step else slice(i, i + 1)
        assert outputs[rows].tobytes() == one


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(("cell", "options", "loss"), [
    ("gru", "all", "log_loss"),
    ("gru_reset_before", "learned", "cross_entropy"),
    *if_full(("gru", "decay and dropout", "squared_error"), ("dual_state_basic", "bidirectional", "squared_error")),
    *if_full(*(("dual_state", options, "squared_error") for options in ("bidirectional", "all"))),
])  # fmt: skip
def test_gradients_of_unequal_lengths_agree_with_central_differences(cell, options, loss, per_step):
    spec = spec_of(cell, per_step, options)
    data, parameters = unequal(spec, loss), np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    _, gradient = weighted_loss_and_gradient(spec, data, parameters, range(11), loss=loss)
    direction = np.random.default_rng(2).normal(size=spec.n_parameters)

    def value(step):
        return weighted_loss_and_gradient(spec, data, parameters + step * direction, range(11), loss=loss)[0]

    h = 1e-5
    numeric = (8 * (value(h) - value(-h)) - value(2 * h) + value(-2 * h)) / (12 * h)
    np.testing.assert_allclose(gradient @ direction, numeric, rtol=1e-7)


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_unequal_lengths_agree_with_the_reference(cell, per_step):
    spec = spec_of(cell, per_step, "plain")
    check_loss_and_gradient(spec, unequal(spec), "squared_error")


@pytest.mark.parametrize("options", ["plain", "all"])
def test_unequal_lengths_have_the_same_bits_for_any_number_of_threads(options):
    rng, dtype = np.random.default_rng(0), "float32" if options == "plain" else "float64"  # which others compile, too
    lengths = np.maximum(1, rng.lognormal(3, 1, 200)).astype(np.int64)
    values = rng.normal(size=(lengths.sum(), 2)).astype(dtype)
    data = KERNELS.Samples(
        values, values[:200], np.cumsum(lengths) - lengths, lengths, rng.uniform(0.5, 2, 200).astype(dtype)
    )
    spec = spec_of("gru", False, options)
    parameters = initialize(spec, "uniform", dtype, np.random.RandomState(0))
    results = []
    for n_threads in (1, 2, 3):
        loss, gradient = weighted_loss_and_gradient(spec, data, parameters, range(200), n_threads)
        results.append((loss, gradient.tobytes(), predictions(spec, parameters, data, np.arange(200), n_threads)))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expectation_and_the_variance(rate):
    """Of the sum over 100 inputs of ones: mean 100, variance 100 rate / (1 - rate); masks of all samples independent."""
    n, D = 4000, 100
    spec = NetworkSpec("gru", D, (1,), 1, dropout=rate)
    x = np.ones((1, n, D))
    _, forward = network_forward(spec, np.zeros(spec.n_parameters), x, seed=1)
    kept = forward.x[0] > 0
    np.testing.assert_allclose(forward.x[0][kept], 1 / (1 - rate), rtol=1e-12)
    error = 5 * np.sqrt(rate * (1 - rate) / (n * D))
    assert abs(kept.mean() - (1 - rate)) < error
    assert np.abs(kept.mean(axis=0) - (1 - rate)).max() < error * np.sqrt(D)  # no unit is favoured
    assert np.abs(kept.mean(axis=1) - (1 - rate)).max() < error * np.sqrt(n)  # nor a sample
    together = np.corrcoef(kept[:, :20].T) - np.eye(20)
    assert np.abs(together).max() < 5 / np.sqrt(n)
    again = network_forward(spec, np.zeros(spec.n_parameters), x, seed=2)[1].x
    assert abs((kept == (again[0] > 0)).mean() - (rate**2 + (1 - rate) ** 2)) < error * 2


def test_the_recurrent_mask_is_one_for_all_steps():
    """Inputs and biases are zero, so of h' = 1 what is left after a step shows the mask: n = tanh(w m), z = r = 1/2."""
    spec = NetworkSpec("gru", 1, (50,), 1, recurrent_dropout=0.5)
    parameters = np.zeros(spec.n_parameters)
    spec.views(parameters)["weight_hh_l0"][100:] = np.eye(50)
    initial = [np.ones((2, 50))]
    _, forward = network_forward(spec, parameters, np.zeros((3, 2, 1)), None, initial, seed=1)
    (cache,) = forward.caches
    assert set(np.unique(cache.mask)) == {0.0, 2.0}
    assert (cache.mask[0] != cache.mask[1]).any()
    h = np.ones((2, 50))
    for t in range(3):
        h = (np.tanh(0.5 * cache.mask * h) + h) / 2
        np.testing.assert_allclose(cache.h[t + 1], h, rtol=1e-12)


@pytest.mark.parametrize("failing", [0, 2])
def test_a_team_that_fails_leaves_nobody_waiting(failing):
    def fails(thread, team, control):
        if thread == failing:
            raise OSError("No space left on device")
        while not control[8]:  # what a barrier looks at
            pass

    with KERNELS.Team(3) as team, pytest.raises(OSError, match="No space left"):
        team.run(fails)


class Gathered:
    """Targets that are gathered when they are asked for; it remembers how many at a time."""

    def __init__(self, targets):
        self.targets, self.n_outputs, self.most, self.calls = targets, targets.shape[1], 0, 0

    def take(self, numbers):
        self.most, self.calls = max(self.most, len(numbers)), self.calls + 1
        return self.targets[numbers]


@pytest.mark.parametrize("alike", [True, False], ids=["of equal length", "of unequal length"])
def test_gathered_targets_train_as_those_in_an_array_do(alike, monkeypatch):
    """The same bits, epoch by epoch, however many batches a call of the kernels takes; two batches are gathered at a time."""
    monkeypatch.setattr("grukit.train.problem.GATHERED", 20)
    data, spec = samples(n=50), NetworkSpec("gru", 2, (3,), 2)
    if alike:
        data = data._replace(lengths=np.full(50, 3))
    gathered = Gathered(data.targets)
    fits = []
    for each in (data, data._replace(targets=gathered)):
        parameters = initialize(spec, "glorot", "float64", np.random.RandomState(0))
        with Problem(KERNELS, spec, each, "squared_error", 0.0, each, batch_size=8) as problem:
            options = TrainingOptions(batch_size=8, max_iter=4, learning_rate_init=0.05)
            progress = fit_stochastic(problem, parameters, options, np.random.RandomState(1), {})
        fits.append((parameters, [(entry["loss"], entry["gradient_norm"]) for entry in progress.records]))
    np.testing.assert_array_equal(fits[0][0], fits[1][0])
    assert fits[0][1] == fits[1][1] and fits[0][1][-1][0] < fits[0][1][0][0]
    assert gathered.most == 20  # of validation; of training 16, whole batches
    assert gathered.calls == 4 * (4 + 3) + 1  # each group once in an epoch, and at the end a look at the last step


def test_losses_and_gradients_of_gathered_targets(monkeypatch):
    """In parts, too, against the array's and central differences."""
    monkeypatch.setattr("grukit.train.problem.GATHERED", 7)
    data, spec = samples(n=20), NetworkSpec("gru", 2, (3,), 2)
    gathered = data._replace(targets=Gathered(data.targets))
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    with Problem(KERNELS, spec, data, "huber", 0.8, data) as problem:
        loss, gradient = problem.loss_and_gradient(parameters)
        gradient = gradient.copy()
    with Problem(KERNELS, spec, gathered, "huber", 0.8, gathered) as problem:
        own, own_gradient = problem.loss_and_gradient(parameters)
        assert problem.validation_loss(parameters) == pytest.approx(loss, rel=1e-13)
        assert problem.probe_loss(parameters, 3) > 0
        numeric = reference.central_difference(lambda: problem.loss_and_gradient(parameters)[0], parameters)
    assert own == pytest.approx(loss, rel=1e-13) and gathered.targets.most == 7
    np.testing.assert_allclose(own_gradient, gradient, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(own_gradient, numeric, rtol=1e-6, atol=1e-9)


def test_a_step_that_is_not_finite_is_undone_beside_gathered_targets():
    data, spec = samples(n=40), NetworkSpec("gru", 2, (3,), 2)
    options = TrainingOptions(batch_size=8, max_iter=2, learning_rate_init=1e200, clip_norm=None, solver="sgd")
    fits = []
    for each in (data, data._replace(targets=Gathered(data.targets))):
        parameters = initialize(spec, "glorot", "float64", np.random.RandomState(0))
        problem = Problem(KERNELS, spec, each, "squared_error", 0.0, batch_size=8)
        with problem, pytest.warns(ConvergenceWarning, match="not finite|diverged"):
            fit_stochastic(problem, parameters, options, np.random.RandomState(1), {})
        fits.append(parameters)
    np.testing.assert_array_equal(*fits)
    assert np.isfinite(fits[0]).all()
