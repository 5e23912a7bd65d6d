"""Keras on TensorFlow as a contender of ``peers.py``; see :mod:`peer_frameworks`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_cases import BETA_1, BETA_2, CLIP_NORM, EPSILON, LEARNING_RATE, Work, by_gate


class Keras:
    """Keras 3 layers on TensorFlow, one function compiled by XLA a step, windows gathered inside it."""

    def __init__(self, work: Work):
        import keras
        import tensorflow as tf

        set_tensorflow_threads(tf, work.threads)
        self.tf = tf
        case = work.case
        layers = [keras.layers.GRU(H, return_sequences=k + 1 < len(case.hidden)) for k, H in enumerate(case.hidden)]
        self.model = keras.Sequential(
            [keras.Input((case.steps, case.inputs)), *layers, keras.layers.Dense(case.outputs)]
        )
        self.model.set_weights(keras_weights(work))
        self.windows, self.targets = tf.constant(work.windows.copy()), tf.constant(work.targets)
        # Keras adds epsilon before the bias correction; scaled like this, the first steps are the same as everybody's.
        self.optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON * (1 - BETA_2) ** 0.5)
        self.optimizer.build(self.model.trainable_variables)
        self.step = tf.function(self._step, jit_compile=True)
        self.forward = tf.function(lambda x: self.model(x), jit_compile=True)

    def _step(self, batch: Any) -> Any:
        tf, variables = self.tf, self.model.trainable_variables
        x, y = tf.gather(self.windows, batch), tf.gather(self.targets, batch)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.model(x, training=True) - y))
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), CLIP_NORM)
        self.optimizer.apply(gradients, variables)
        return loss

    def train(self, batches: np.ndarray) -> np.ndarray:
        """One step a row of ``batches``."""
        losses = [self.step(batch) for batch in self.tf.unstack(self.tf.constant(batches))]
        return np.array([loss.numpy() for loss in losses])

    def inference(self, x: np.ndarray) -> Callable[[], np.ndarray]:
        """The outputs of x, once a call."""
        x = self.tf.constant(x.transpose(1, 0, 2))
        return lambda: self.forward(x).numpy()


def set_tensorflow_threads(tf: Any, threads: int) -> None:
    """Threads of TensorFlow's pools; only the first call of a process can set them."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def keras_weights(work: Work) -> list[np.ndarray]:
    """Kernel (D, 3H), recurrent kernel (H, 3H) and biases (2, 3H) of each layer, then the head's."""
    weights, arrays = work.weights, []
    for k in range(len(work.case.hidden)):
        arrays += [by_gate(weights[f"weight_ih_l{k}"]).T, by_gate(weights[f"weight_hh_l{k}"]).T]
        arrays.append(np.stack([by_gate(weights[f"bias_ih_l{k}"]), by_gate(weights[f"bias_hh_l{k}"])]))
    return [*arrays, weights["head.weight"].T, weights["head.bias"]]
