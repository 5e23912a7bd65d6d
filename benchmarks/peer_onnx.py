"""onnxruntime as a contender of ``peers.py``; see :mod:`peer_frameworks`."""

from collections.abc import Callable

import numpy as np
from peer_cases import Work, by_gate


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
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [work.case.batch, work.case.outputs])
    tensors = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in arrays.items()]
    graph = helper.make_graph(nodes, "gru", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
