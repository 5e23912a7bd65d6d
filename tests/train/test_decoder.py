"""A decoder that goes on ahead of the samples, against the reference and central differences."""

import numpy as np
import pytest
import reference
from compare import assert_same_bits_on_threads
from thorough import if_full

from grukit.engines import select_engine
from grukit.model import Decoder, NetworkSpec, initialize
from grukit.train import Problem, predict

KERNELS = select_engine("cpu").kernels
STEPS = Decoder(steps=4, at_once=1, rows=1, columns=(1, 2), parts=2)  # one after another
AT_ONCE = Decoder(steps=1, at_once=3, rows=2, columns=(1,))  # segments of two rows
CASES = {
    "steps": NetworkSpec("gru", 3, (4, 3), 4 * 2, decoder=STEPS),
    "at once": NetworkSpec("gru", 6, (3,), 3 * 4, segment=2, decoder=AT_ONCE),
    "reset before": NetworkSpec("gru_reset_before", 3, (3,), 4 * 2, decoder=STEPS),
}


def samples(spec, n=5, dtype="float64"):
    """Overlapping pieces of one table of three columns, with rows ahead of each."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3))
    lengths = rng.integers(2, 8, n)
    starts = rng.integers(0, 40 - 8 - lengths)
    targets, weights = rng.normal(size=(n, spec.n_outputs)), rng.uniform(0.5, 2, n)
    return KERNELS.Samples(values.astype(dtype), targets.astype(dtype), starts, lengths, weights.astype(dtype))


def by_hand(spec, parameters, data):
    """Outputs (B, K) of the reference, and a function that takes their gradients to those of the parameters."""
    ahead, B, ends = spec.decoder, len(data.starts), data.starts + data.lengths
    sequences = [data.values[start:end] for start, end in zip(data.starts, ends, strict=True)]
    x, steps = reference.in_steps(sequences, spec.segment)
    x_ahead = reference.decoder_inputs(data.values, ends, ahead.steps, ahead.at_once, ahead.rows, ahead.columns)
    made, cache = reference.decoder_forward(spec.cell, spec.views(parameters), x, x_ahead, ahead.at_once, steps)
    P, shape = len(made), (B, ahead.parts, len(made), -1)

    def back(d_outputs):
        d_made = d_outputs.reshape(shape).transpose(2, 0, 1, 3).reshape(P, B, -1)
        return reference.decoder_backward(d_made, cache)

    return made.reshape(P, B, ahead.parts, -1).transpose(1, 2, 0, 3).reshape(B, -1), back


@pytest.mark.parametrize("name", ["steps", "at once", *if_full("reset before")])
def test_loss_gradient_and_outputs(name):
    spec = CASES[name]
    data, parameters = samples(spec), np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    outputs, back = by_hand(spec, parameters, data)
    expected, d_outputs = reference.loss("squared_error", outputs, data.targets, data.weights)
    gradients = back(d_outputs)
    with Problem(KERNELS, spec, data, "squared_error", 0.0, batch_size=5) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        gradient = gradient.copy()
        numeric = reference.central_difference(lambda: problem.loss_and_gradient(parameters)[0], parameters)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert set(gradients) == set(spec.shapes)
    for each, view in spec.views(gradient).items():
        np.testing.assert_allclose(view, gradients[each], rtol=1e-9, atol=1e-12, err_msg=each)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(predict(KERNELS, spec, parameters, data), outputs, rtol=1e-10)


def test_the_same_bits_for_any_number_of_threads_and_samples():
    spec = CASES["at once"]
    data, parameters = samples(spec, 100), np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    assert_same_bits_on_threads(spec, data, parameters)
    whole = predict(KERNELS, spec, parameters, data)
    one = data._replace(starts=data.starts[7:8], lengths=data.lengths[7:8])
    np.testing.assert_array_equal(predict(KERNELS, spec, parameters, one)[0], whole[7])


def test_a_decoder_begins_with_the_last_state():
    spec = NetworkSpec("gru", 3, (4, 3), 8, bidirectional=True, decoder=STEPS)
    views = spec.views(initialize(spec, "glorot", "float64", np.random.RandomState(0)))
    np.testing.assert_array_equal(views["bridge.weight"], np.hstack([np.eye(3), np.eye(3)]) / 2)
    w_hh = views["weight_hh_decoder"].reshape(3, 3, 3)
    np.testing.assert_allclose(w_hh @ w_hh.transpose(0, 2, 1), [np.eye(3)] * 3, atol=1e-12)
    assert spec.penalized("float64").sum() == sum(view.size for name, view in views.items() if "weight" in name)


@pytest.mark.parametrize(
    "wrong", [{"per_step": True}, {"cell": "dual_state"}, {"n_outputs": 7}, {"decoder": Decoder(2, 2, 1, ())}]
)
def test_what_a_decoder_does_not_go_with(wrong):
    settings = {"cell": "gru", "n_inputs": 3, "hidden_layer_sizes": (3,), "n_outputs": 8, "decoder": STEPS}
    with pytest.raises(ValueError, match="A decoder"):
        NetworkSpec(**{**settings, **wrong})
