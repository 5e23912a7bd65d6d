"""The peers of ``peers.py``, each in the fastest form that was found for it, behind one interface.

``train(batches)`` takes a step for every row of ``batches`` (m, B), numbers of windows, and returns the losses (m,): gather
the windows from a prepared array, forward, squared loss, backward, clip the gradient's norm, Adam. ``inference(x)`` returns
a function that computes the outputs (B, 1) of x (T, B, D). All start from the weights of the given ``Work``.
"""

import importlib
import itertools
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from _timing import seconds_of
from peer_cases import BETA_1, BETA_2, CLIP_NORM, EPSILON, LEARNING_RATE, Work

BLOCK = 16  # steps of one call, where JAX takes several


def by_gate(array: np.ndarray, order: tuple[int, ...] = (1, 0, 2)) -> np.ndarray:
    """The three gates' blocks, r z n here, as Keras and ONNX have them: z r n."""
    return np.concatenate([np.split(array, 3)[gate] for gate in order])


class Torch:
    """Eager ``nn.GRU``, time first, the fused Adam."""

    def __init__(self, work: Work, dtype: str = "float32"):
        import torch

        torch.set_num_threads(work.threads)
        self.torch, self.dtype = torch, getattr(torch, dtype)
        case = work.case
        self.layer = torch.nn.GRU(case.inputs, case.hidden[0], len(case.hidden))
        self.head = torch.nn.Linear(case.hidden[-1], 1)
        own = {f"layer.{k}" if "head" not in k else k: torch.from_numpy(v.copy()) for k, v in work.weights.items()}
        self.model = torch.nn.ModuleDict({"layer": self.layer, "head": self.head})
        self.model.load_state_dict(own)
        self.model.to(self.dtype)
        self.windows = torch.from_numpy(work.windows.copy()).to(self.dtype)
        self.targets = torch.from_numpy(work.targets).to(self.dtype)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=LEARNING_RATE, betas=(BETA_1, BETA_2), eps=EPSILON, fused=True
        )

    def loss(self, batch: Any) -> Any:
        """Mean squared error of a batch."""
        x = self.windows[batch].transpose(0, 1)
        return self.torch.nn.functional.mse_loss(self.head(self.layer(x)[1][-1]), self.targets[batch])

    def train(self, batches: np.ndarray) -> np.ndarray:
        """One step a row of ``batches``."""
        losses = []
        for batch in self.torch.from_numpy(batches):
            self.optimizer.zero_grad()
            loss = self.loss(batch)
            loss.backward()
            self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
            self.optimizer.step()
            losses.append(loss.detach())
        return self.torch.stack(losses).numpy()

    def loss_and_gradient(self, batch: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
        """For the checks of grukit."""
        self.optimizer.zero_grad()
        loss = self.loss(self.torch.from_numpy(batch))
        loss.backward()
        return float(loss.detach()), {
            k.removeprefix("layer."): p.grad.numpy() for k, p in self.model.named_parameters()
        }

    def inference(self, x: np.ndarray) -> Callable[[], np.ndarray]:
        """The outputs of x, once a call."""
        torch, x = self.torch, self.torch.from_numpy(x)

        def outputs() -> np.ndarray:
            with torch.inference_mode():
                return self.head(self.layer(x)[1][-1]).numpy()

        return outputs


class Keras:
    """Keras 3 layers on TensorFlow, one function compiled by XLA a step, windows gathered inside it."""

    def __init__(self, work: Work):
        import keras
        import tensorflow as tf

        set_tensorflow_threads(tf, work.threads)
        self.tf = tf
        case = work.case
        layers = [keras.layers.GRU(H, return_sequences=k + 1 < len(case.hidden)) for k, H in enumerate(case.hidden)]
        self.model = keras.Sequential([keras.Input((case.steps, case.inputs)), *layers, keras.layers.Dense(1)])
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


class Jax:
    """``lax.scan`` under one jit; the fastest of four forms for training, of two for inference.

    The input projection is inside or outside the scan; a call is one step, or a scan over the steps of several batches. A
    single input is padded to two, because XLA is slow with one.
    """

    def __init__(self, work: Work):
        import jax

        self.jax, self.work = jax, work
        self.pad = 1 if work.case.inputs == 1 else 0
        self._train: Callable[[np.ndarray], np.ndarray] | None = None

    def _padded(self, x: np.ndarray) -> np.ndarray:
        return np.pad(x, ((0, 0), (0, 0), (0, self.pad)))

    def _weights(self) -> dict[str, Any]:
        weights = {k: (v.T if "weight" in k else v).copy() for k, v in self.work.weights.items()}
        weights["weight_ih_l0"] = np.pad(weights["weight_ih_l0"], ((0, self.pad), (0, 0)))
        return self.jax.tree.map(self.jax.numpy.asarray, weights)

    def _layer(self, x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, outside: bool) -> tuple[Any, Any]:
        """States (T, B, H) and the last one; weights (D, 3H), (H, 3H)."""
        jax, jnp = self.jax, self.jax.numpy

        def step(h: Any, x: Any) -> tuple[Any, Any]:
            i = x if outside else x @ w_ih + b_ih
            i_r, i_z, i_n = jnp.split(i, 3, axis=1)
            h_r, h_z, h_n = jnp.split(h @ w_hh + b_hh, 3, axis=1)
            r, z = jax.nn.sigmoid(i_r + h_r), jax.nn.sigmoid(i_z + h_z)
            n = jnp.tanh(i_n + r * h_n)
            h = n + z * (h - n)
            return h, h

        start = jnp.zeros((x.shape[1], w_hh.shape[0]), x.dtype)
        last, states = jax.lax.scan(step, start, x @ w_ih + b_ih if outside else x)
        return states, last

    def _outputs(self, weights: dict[str, Any], x: Any, outside: bool) -> Any:
        for k in range(len(self.work.case.hidden)):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            x, last = self._layer(x, *(weights[f"{name}_l{k}"] for name in names), outside)
        return last @ weights["head.weight"] + weights["head.bias"]

    def _step(self, outside: bool, data: Any, state: Any, batch: Any) -> tuple[Any, Any]:
        jax, jnp = self.jax, self.jax.numpy
        weights, first, second, t = state
        x, y = data[0][batch].swapaxes(0, 1), data[1][batch]
        loss, g = jax.value_and_grad(lambda w: jnp.mean((self._outputs(w, x, outside) - y) ** 2))(weights)
        norm = jnp.sqrt(sum(jnp.vdot(v, v) for v in jax.tree.leaves(g)))
        scale, t = jnp.minimum(1.0, CLIP_NORM / norm), t + 1
        first = jax.tree.map(lambda m, v: BETA_1 * m + (1 - BETA_1) * scale * v, first, g)
        second = jax.tree.map(lambda m, v: BETA_2 * m + (1 - BETA_2) * (scale * v) ** 2, second, g)
        rate, root = LEARNING_RATE / (1 - BETA_1**t), jnp.sqrt(1 - BETA_2**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + EPSILON), weights, first, second)
        return (weights, first, second, t), loss

    def _trainer(self, outside: bool, block: int) -> Callable[[np.ndarray], np.ndarray]:
        """Training in calls of ``block`` steps, the rest in calls of one."""
        jax, jnp = self.jax, self.jax.numpy
        data = jnp.asarray(self._padded(self.work.windows)), jnp.asarray(self.work.targets)
        one = jax.jit(lambda s, b, data: self._step(outside, data, s, b), donate_argnums=0)
        many = jax.jit(lambda s, b, data: jax.lax.scan(partial(self._step, outside, data), s, b), donate_argnums=0)
        zeros = [jax.tree.map(jnp.zeros_like, self._weights()) for _ in range(2)]
        state = self._weights(), *zeros, jnp.float32(0)

        def train(batches: np.ndarray) -> np.ndarray:
            nonlocal state
            losses, at = [], 0
            while at < len(batches):
                together = block if 1 < block <= len(batches) - at else 1
                if together > 1:
                    state, loss = many(state, batches[at : at + together], data)
                else:
                    state, loss = one(state, batches[at], data)
                losses.append(loss)
                at += together
            return np.concatenate([np.atleast_1d(loss) for loss in losses])

        return train

    def train(self, batches: np.ndarray) -> np.ndarray:
        """One step a row of ``batches``; the first call chooses the form."""
        if self._train is None:
            self._train = self._fastest()
        return self._train(batches)

    def _fastest(self) -> Callable[[np.ndarray], np.ndarray]:
        """Try every form on a few batches; a fresh trainer of the fastest."""
        large = self.work.case.hidden[0] > 128  # where a step lasts so long that a call costs nothing
        trial, seconds = self.work.batches(2 if large else BLOCK), {}
        for form in itertools.product((True, False), (1,) if large else (1, BLOCK)):
            train = self._trainer(*form)
            train(trial)
            seconds[form] = min(seconds_of(lambda train=train: train(trial)) for _ in range(2))
        outside, block = min(seconds, key=seconds.get)
        self.note = f"projection {'outside' if outside else 'inside'}, calls of {block} steps"
        return self._trainer(outside, block)

    def inference(self, x: np.ndarray) -> Callable[[], np.ndarray]:
        """The outputs of x, once a call."""
        jax, weights, x = self.jax, self._weights(), self.jax.numpy.asarray(self._padded(x))
        calls = []
        for outside in (True, False):
            forward = jax.jit(lambda w, x, outside=outside: self._outputs(w, x, outside))
            calls.append(lambda forward=forward: np.asarray(forward(weights, x)))
            calls[-1]()
        seconds = [min(seconds_of(call) for _ in range(5)) for call in calls]
        self.note = f"projection {'outside' if seconds[0] <= seconds[1] else 'inside'}"
        return calls[int(seconds[1] < seconds[0])]


class OnnxRuntime:
    """The GRU operator; inference only."""

    train = None

    def __init__(self, work: Work):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = work.threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx_model(work), options, providers=["CPUExecutionProvider"])

    def inference(self, x: np.ndarray) -> Callable[[], np.ndarray]:
        """The outputs of x, once a call."""
        return lambda: self.session.run(None, {"x": x})[0]


def onnx_model(work: Work) -> bytes:
    """One GRU layer and the head, serialised."""
    from onnx import TensorProto, helper, numpy_helper

    w, (H,), D = work.weights, work.case.hidden, work.case.inputs
    arrays = {
        "W": by_gate(w["weight_ih_l0"])[None],
        "R": by_gate(w["weight_hh_l0"])[None],
        "B": np.concatenate([by_gate(w["bias_ih_l0"]), by_gate(w["bias_hh_l0"])])[None],
        "head": w["head.weight"],
        "bias": w["head.bias"],
        "shape": np.array([-1, H]),
    }
    nodes = [
        helper.make_node("GRU", ["x", "W", "R", "B"], ["", "last"], hidden_size=H, linear_before_reset=1),
        helper.make_node("Reshape", ["last", "shape"], ["rows"]),
        helper.make_node("Gemm", ["rows", "head", "bias"], ["y"], transB=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [work.case.steps, work.case.batch, D])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [work.case.batch, 1])
    tensors = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in arrays.items()]
    graph = helper.make_graph(nodes, "gru", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


PEERS = {
    "torch": (Torch, ("torch",)),
    "Keras": (Keras, ("tensorflow", "keras")),
    "JAX": (Jax, ("jax",)),
    "onnxruntime": (OnnxRuntime, ("onnxruntime", "onnx")),
}


def installed() -> tuple[dict[str, type], dict[str, str]]:
    """The peers that can be imported, and the versions of their packages; prints which cannot."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    peers, versions = {}, {}
    for name, (kind, modules) in PEERS.items():
        try:
            versions |= {module: importlib.import_module(module).__version__ for module in modules}
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        peers[name] = kind
    return peers, versions
