"""The peers of ``peers.py``, each in the fastest form that was found for it, behind one interface.

``train(batches)`` takes a step for every row of ``batches`` (m, B), numbers of windows, and returns the losses (m,): gather
the windows from a prepared array, forward, squared loss, backward, clip the gradient's norm, Adam. ``inference(x)`` returns
a function that computes the outputs (B, K) of x (T, B, D). All start from the weights of the given ``Work``.
"""

import importlib
import os

from peer_jax import Jax
from peer_keras import Keras
from peer_onnx import OnnxRuntime
from peer_torch import Torch

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
