"""Networks to and from other libraries: weights as arrays, without the libraries; ONNX files, with the package onnx.

What a library cannot say is refused with that reason, and what is given was compared with ``predict`` before.
"""

from grukit.interchange._keras import from_keras, to_keras
from grukit.interchange._onnx import from_onnx, to_onnx
from grukit.interchange._skl2onnx import register_skl2onnx
from grukit.interchange._torch import from_torch, to_torch

__all__ = ["from_keras", "from_onnx", "from_torch", "register_skl2onnx", "to_keras", "to_onnx", "to_torch"]
