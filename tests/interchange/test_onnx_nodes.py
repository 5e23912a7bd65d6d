"""The tests of the operator GRU that the package onnx brings."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import helper, numpy_helper  # noqa: E402

with np.errstate(
    invalid="ignore"
):  # it computes as it is imported, and some builds of a BLAS raise the flag for nothing
    from onnx.backend.test.case.node import gru as node_cases

from grukit.interchange import from_onnx  # noqa: E402


def node_tests():
    """The package's own tests of the operator: node, inputs, outputs by name."""
    cases = {}

    def note(node, inputs, outputs, name, **_):
        cases[name] = node, inputs, dict(zip([each for each in node.output if each], outputs, strict=True))

    with pytest.MonkeyPatch.context() as patch, np.errstate(invalid="ignore"):
        patch.setattr(node_cases, "expect", note)
        for name in dir(node_cases.GRU):
            if name.startswith("export_"):
                getattr(node_cases.GRU, name)()
    return cases


NODES = node_tests()


def with_constants(node, inputs, outputs):
    """A model of one node, whose weights are constants."""
    (x, *arrays), (_, *names) = inputs, [each for each in node.input if each]
    return onnx.ModelProto(
        graph=helper.make_graph(
            [node],
            "g",
            [helper.make_tensor_value_info("X", 1, x.shape)],
            [helper.make_tensor_value_info(name, 1, None) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in zip(names, arrays, strict=True)],
        ),
        opset_import=[helper.make_opsetid("", 22)],
    )


@pytest.mark.parametrize("name", NODES)
def test_the_node_tests_of_onnx(tmp_path, name):
    node, inputs, outputs = NODES[name]
    (tmp_path / "node.onnx").write_bytes(with_constants(node, inputs, outputs).SerializeToString())
    layout = next((each.i for each in node.attribute if each.name == "layout"), 0)
    x = inputs[0] if layout else np.swapaxes(inputs[0], 0, 1)
    for output, expected in outputs.items():
        found = from_onnx(tmp_path / "node.onnx", output=output).predict(x)
        if output == "Y_h":
            expected = expected if layout else np.swapaxes(expected, 0, 1)
        else:
            expected = expected if layout else np.transpose(expected, (2, 0, 1, 3))
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-6, atol=1e-6)


def test_there_are_node_tests():
    assert {"test_gru_defaults", "test_gru_with_initial_bias", "test_gru_seq_length", "test_gru_batchwise"} <= set(
        NODES
    )
