"""Weights to and from Keras, against golden files of Keras 3 (tests/golden/make_keras.py)."""

from pathlib import Path

import numpy as np
import pytest

from grukit.interchange import from_keras, to_keras

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("keras_*.npz"))


def golden(path):
    """Weights, inputs, outputs and whether there is one at every step."""
    data = np.load(path)
    n = sum(name.startswith("weights") for name in data.files)
    return [data[f"weights{i}"] for i in range(n)], data["x"], data["outputs"], bool(data["per_step"])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_predictions_come_back(path, dtype):
    weights, x, outputs, per_step = golden(path)
    weights = [array.astype(dtype) for array in weights]
    model = from_keras(weights, per_step=per_step)
    assert model.cell == (
        "gru_reset_before" if "before" in path.stem or "bidirectional_stacked" in path.stem else "gru"
    )
    np.testing.assert_allclose(model.predict(x).reshape(outputs.shape), outputs, rtol=1e-5, atol=2e-6)
    again = to_keras(model)
    for one, other in zip(weights, again.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(from_keras(again, per_step=per_step).predict(x), model.predict(x))


def test_there_are_files_of_every_kind():
    assert len(GOLDEN) == 5


def outputs_of(weights, x, both):
    """Keras' own equations, for one layer with the reset gate after or before the product, last states."""

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def run(kernel, recurrent, bias, x):
        h, U = np.zeros((len(x), len(recurrent))), np.split(recurrent, 3, axis=1)
        b = np.split(bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)]), 3, axis=1)
        for step in np.swapaxes(x, 0, 1):
            inner = [each + own[0] for each, own in zip(np.split(step @ kernel, 3, axis=1), b, strict=True)]
            z, r = (sigmoid(inner[g] + h @ U[g] + b[g][1]) for g in (0, 1))
            candidate = r * (h @ U[2] + b[2][1]) if bias.ndim == 2 else (r * h) @ U[2]
            h = z * h + (1 - z) * np.tanh(inner[2] + candidate)
        return h

    states = [run(*weights[:3], x)] + ([run(*weights[3:6], x[:, ::-1])] if both else [])
    return np.concatenate(states, axis=1) @ weights[-2] + weights[-1]


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
@pytest.mark.parametrize("both", [False, True])
def test_scaling_is_folded_into_what_layers_take(fitted, cell, both):
    model, X = fitted(cell=cell, bidirectional=both, outputs=2, dtype="float64")
    weights = to_keras(model)
    names = ["gru_0/kernel", "gru_0/recurrent_kernel", "gru_0/bias"]
    assert list(weights)[:3] == names
    np.testing.assert_allclose(outputs_of(list(weights.values()), X, both), model.predict(X), rtol=1e-10)


def test_layers_of_as_many_units_as_inputs_are_told_from_directions():
    rng = np.random.default_rng(0)

    def layer(D, H):
        return [rng.normal(size=shape) for shape in ((D, 3 * H), (H, 3 * H), (2, 3 * H))]

    stacked = from_keras([*layer(4, 4), *layer(4, 4), rng.normal(size=(4, 1))])
    assert (stacked.bidirectional, stacked.hidden_layer_sizes) == (False, (4, 4))
    both = from_keras([*layer(4, 4), *layer(4, 4), rng.normal(size=(8, 1))])
    assert (both.bidirectional, both.hidden_layer_sizes) == (True, (4,))
    assert both.weights_["head.bias"].tolist() == [0.0]


def wrong(at, array):
    weights, *_ = golden(GOLDEN[0])
    return [*weights[:at], *([] if array is None else [array]), *weights[at + 1 :]]


WRONG = {
    "too few": (golden(GOLDEN[0])[0][:3], "There are 3 arrays"),
    "no bias": (wrong(2, None), r"weights\[2\] has the shape \(4, 2\), of no bias\. .* give biases of zeros"),
    "no biases at all": ([np.ones((3, 12)), np.ones((4, 12)), np.ones((4, 1))], "3 arrays; .* give biases of zeros"),
    "one layer of two": (wrong(3, np.ones((8, 3))), r"do not follow one another .* the head \(8, 3\)"),
    "bias": (wrong(2, np.ones((2, 9))), r"weights\[2\] has the shape \(2, 9\); a bias of this layer has \(2, 12\)"),
    "axes": (wrong(1, np.ones(12)), r"weights\[1\] has the shape \(12,\); it must have 2 axes"),
    "gates": (
        wrong(0, np.ones((3, 13))),
        r"weights\[0\], transposed, has the shape \(13, 3\), which are no three gates",
    ),
    "width": (
        wrong(0, np.ones((3, 15))),
        r"weights\[0\], transposed, has the shape \(15, 3\); the network's is \(12, 3\)",
    ),
    "head": (wrong(4, np.ones(3)), r"weights\[4\] has the shape \(3,\); the network's is \(2,\)"),
    "infinity": (wrong(4, np.full(2, np.inf)), r"head\.bias holds NaN or infinity"),
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_that_are_no_layers_and_head_are_refused(name):
    given, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        from_keras(given)


@pytest.mark.parametrize("given", [None, "weights.h5", object()])
def test_a_model_or_a_file_is_no_list_of_arrays(given):
    with pytest.raises(
        ValueError, match=r"weights must be a list of arrays, as model.get_weights\(\) gives it, .* got"
    ):
        from_keras(given)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6])
def test_arrays_of_no_layers_and_no_head_are_counted(n):
    with pytest.raises(ValueError, match=f"There are {n} arrays; each GRU has three"):
        from_keras([np.ones((3, 3))] * n)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"linear_lags": 2}, "Keras has no place for the linear part"), ({"cell": "dual_state_basic"}, "the cell")],
)
def test_what_keras_cannot_say_is_refused(fitted, changes, message):
    with pytest.raises(ValueError, match=message):
        to_keras(fitted(**changes)[0])
