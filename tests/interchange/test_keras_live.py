"""Weights to and from layers of Keras that run here, of random shapes; test_keras.py compares with its golden files.

KERAS_BACKEND=torch, or jax, says what computes where TensorFlow is not installed.
"""

import numpy as np
import pytest

from grukit.interchange import from_keras, to_keras

# Keras asks NumPy to view its variables in a way that NumPy 2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPES = range(4)  # seeds
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}  # of outputs, whose largest are about one, or of the largest
COMPUTES_FLOAT64 = ("tensorflow",)  # Keras multiplies matrices of float64 in float32 on every other backend
KINDS = pytest.mark.parametrize(("both", "reset_after"), [(False, True), (False, False), (True, True), (True, False)])


def layers(D, sizes, K, both, reset_after, per_step, dtype):
    """A model of GRU layers and a head, with weights as they are drawn."""
    keras = pytest.importorskip("keras")
    stack = [keras.layers.Input((None, D), dtype=dtype)]
    for k, H in enumerate(sizes):
        every = per_step or k < len(sizes) - 1
        gru = keras.layers.GRU(H, return_sequences=every, reset_after=reset_after, dtype=dtype)
        stack.append(keras.layers.Bidirectional(gru, dtype=dtype) if both else gru)
    return keras.Sequential([*stack, keras.layers.Dense(K, dtype=dtype)])


def numbers(tensor):
    """A backend's tensor as an array."""
    import keras

    return keras.ops.convert_to_numpy(tensor).astype(np.float64)


def check_near(found, expected, dtype):
    """Raise where outputs differ by more."""
    import keras

    dtype = dtype if keras.backend.backend() in COMPUTES_FLOAT64 else "float32"
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("seed", SHAPES)
@KINDS
def test_layers_of_random_shapes_come_and_go(seed, both, reset_after):
    rng = np.random.default_rng(seed)
    sizes = tuple(int(H) for H in rng.integers(1, 9, rng.integers(1, 4)))
    D, K, n, T = (int(rng.integers(low, high)) for low, high in ((1, 6), (1, 4), (2, 7), (1, 12)))
    per_step = bool(rng.random() < 0.5)
    dtype = ("float32", "float64")[seed % 2]
    shape = D, sizes, K, both, reset_after, per_step, dtype
    theirs = layers(*shape)
    theirs.set_weights([rng.normal(scale=0.7, size=array.shape) for array in theirs.get_weights()])
    x = rng.normal(size=(n, T, D)).astype(dtype)
    expected = numbers(theirs(x))
    ours = from_keras(theirs.get_weights(), per_step=per_step)
    assert (ours.dtype, ours.hidden_layer_sizes, ours.bidirectional) == (dtype, sizes, both)
    assert ours.cell == ("gru" if reset_after else "gru_reset_before")
    check_near(ours.predict(x).reshape(expected.shape), expected, dtype)

    again = layers(*shape)
    again.set_weights(list(to_keras(ours).values()))
    np.testing.assert_array_equal(numbers(again(x)), expected)


@KINDS
def test_layers_give_what_a_model_fitted_here_predicts(fitted, both, reset_after):
    cell = "gru" if reset_after else "gru_reset_before"
    ours, X = fitted(cell=cell, bidirectional=both, hidden_layer_sizes=(5, 3), outputs=2, dtype="float64")
    theirs = layers(3, (5, 3), 2, both, reset_after, False, "float64")
    theirs.set_weights(list(to_keras(ours).values()))
    check_near(numbers(theirs(X)), ours.predict(X), "float64")
