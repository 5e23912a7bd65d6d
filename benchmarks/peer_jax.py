"""JAX as a contender of ``peers.py``; see :mod:`peer_frameworks`."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from _timing import seconds_of
from peer_cases import BETA_1, BETA_2, CLIP_NORM, EPSILON, LEARNING_RATE, Work

BLOCK = 16  # steps of one call, where several are taken


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
