"""Write the golden files of Keras 3: KERAS_BACKEND=torch python tests/golden/make_keras.py (see README.md)."""

from pathlib import Path

import keras
import numpy as np

FOLDER = Path(__file__).parent
CASES = {  # inputs, units of each layer, outputs, both directions, reset_after, an output at every step
    "keras_basic": (3, (4,), 2, False, True, False),
    "keras_reset_before": (3, (4,), 1, False, False, False),
    "keras_stacked": (4, (4, 3), 1, False, True, True),
    "keras_bidirectional": (4, (4,), 2, True, True, False),
    "keras_bidirectional_stacked": (4, (4, 3), 3, True, False, False),
}


def main():
    """Make layers, draw weights, predict."""
    for seed, (name, (D, sizes, K, both, reset_after, per_step)) in enumerate(CASES.items()):
        rng = np.random.default_rng(seed)
        layers = [keras.layers.Input((None, D))]
        for k, H in enumerate(sizes):
            sequences = per_step or k < len(sizes) - 1
            gru = keras.layers.GRU(H, return_sequences=sequences, reset_after=reset_after)
            layers.append(keras.layers.Bidirectional(gru) if both else gru)
        model = keras.Sequential([*layers, keras.layers.Dense(K)])
        weights = [rng.normal(size=array.shape).astype(np.float32) for array in model.get_weights()]
        model.set_weights(weights)
        x = rng.normal(size=(5, 6, D)).astype(np.float32)
        outputs = np.asarray(model.predict(x, verbose=0))
        np.savez(
            FOLDER / f"{name}.npz",
            **{f"weights{i}": array for i, array in enumerate(weights)},
            x=x,
            outputs=outputs,
            per_step=per_step,
        )


if __name__ == "__main__":
    main()
