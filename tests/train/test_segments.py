"""Steps of several rows, against the reference on windows that are laid out."""

import numpy as np
import pytest
import reference
from compare import assert_same_bits_on_threads

from grukit.engines import select_engine
from grukit.model import NetworkSpec
from grukit.train import Problem, predict

KERNELS = select_engine("cpu").kernels
K = 3  # rows of a step
SPEC = NetworkSpec("gru", 2 * K, (3, 4), 2, segment=K)


def samples(lengths, dtype="float64"):
    """Overlapping pieces of one table of two columns."""
    rng, n = np.random.default_rng(0), len(lengths)
    values, lengths = rng.normal(size=(40, 2)), np.array(lengths)
    starts = rng.integers(0, 41 - lengths)
    targets, weights = rng.normal(size=(n, 2)), rng.uniform(0.5, 2, n)
    return KERNELS.Samples(values.astype(dtype), targets.astype(dtype), starts, lengths, weights.astype(dtype))


def laid_out(data):
    """Steps x (T, B, 2 K) of the samples, and how many."""
    spans = zip(data.starts, data.starts + data.lengths, strict=True)
    return reference.in_steps([data.values[start:end] for start, end in spans], K)


def parameters_of(spec, dtype="float64"):
    return np.random.default_rng(1).normal(0, 0.5, spec.n_parameters).astype(dtype)


@pytest.mark.parametrize("lengths", [[12] * 4, [13, 12, 7, 3, 2, 1, 11]], ids=["whole", "ragged"])
def test_loss_gradient_and_outputs(lengths):
    data, parameters = samples(lengths), parameters_of(SPEC)
    x, steps = laid_out(data)
    outputs, cache = reference.network_forward("gru", SPEC.views(parameters), x, lengths=steps)
    expected, d_outputs = reference.loss("squared_error", outputs, data.targets, data.weights)
    gradients, _, _ = reference.network_backward(d_outputs, cache)
    with Problem(KERNELS, SPEC, data, "squared_error", 0.0, batch_size=len(lengths)) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        gradient = gradient.copy()
        numeric = reference.central_difference(lambda: problem.loss_and_gradient(parameters)[0], parameters)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for name, view in SPEC.views(gradient).items():
        np.testing.assert_allclose(view, gradients[name], rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(predict(KERNELS, SPEC, parameters, data), outputs, rtol=1e-10)


def test_the_same_bits_for_any_number_of_threads():
    data, parameters = samples(np.tile([13, 12, 7, 3, 2, 1, 11], 20)), parameters_of(SPEC)
    assert_same_bits_on_threads(SPEC, data, parameters)


@pytest.mark.parametrize("wrong", [{"per_step": True}, {"decay": True}, {"n_inputs": 7}])
def test_what_segments_do_not_go_with(wrong):
    settings = {"cell": "gru", "n_inputs": 6, "hidden_layer_sizes": (3,), "n_outputs": 1, "segment": 3}
    with pytest.raises(ValueError, match="A segment is of rows"):
        NetworkSpec(**{**settings, **wrong})


def test_rows_that_are_relative_to_their_sample():
    """Each number is relative to its sample's own figures, its column of the table, not that of the step."""
    data, parameters = samples([13, 12, 7, 3]), parameters_of(SPEC)
    rng = np.random.default_rng(2)
    mean, scale = rng.normal(size=(40, 2)), rng.uniform(0.5, 2, (40, 2))
    relative = data._replace(scaling=KERNELS.Relative(mean, scale, 1.0))
    for b, (start, n) in enumerate(zip(data.starts, data.lengths, strict=True)):
        last = start + n - 1
        own = data._replace(values=(data.values - mean[last]) / scale[last])
        x, steps = laid_out(own._replace(starts=data.starts[b : b + 1], lengths=data.lengths[b : b + 1]))
        outputs, _ = reference.network_forward("gru", SPEC.views(parameters), x, lengths=steps)
        found = predict(KERNELS, SPEC, parameters, relative)[b]
        np.testing.assert_allclose(found, outputs[0], rtol=1e-10)  # not yet multiplied by the scale
