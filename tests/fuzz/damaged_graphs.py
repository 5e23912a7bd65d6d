"""Damaged and hostile files for ``from_onnx``."""

import tempfile
from pathlib import Path

import numpy as np
from damaged_files import GOLDEN, change_bytes

import grukit


class Graphs:
    """Inputs for ``from_onnx``."""

    def __init__(self):
        import onnx

        from grukit.interchange import from_keras, from_onnx, to_onnx

        self.onnx, self.open = onnx, from_onnx
        rng = np.random.default_rng(0)
        shapes = [(3, 12), (4, 12), (2, 12), (3, 12), (4, 12), (2, 12), (8, 2)]
        files = [path for kind in ("classifier", "regressor") for path in sorted(GOLDEN.glob(f"format_*_{kind}.gru"))]
        models = [grukit.load(path) for path in files]  # a forecaster is no graph
        models += [from_keras([rng.normal(size=shape) for shape in shapes], per_step=step) for step in (False, True)]
        self.good = []
        with tempfile.TemporaryDirectory() as folder:
            for model in models:
                to_onnx(model, Path(folder) / "a.onnx")
                self.good.append((Path(folder) / "a.onnx").read_bytes())

    def make(self, rng):
        """One file's bytes."""
        if rng.random() < 0.4:
            return change_bytes(rng.choice(self.good), rng)
        proto = self.onnx.ModelProto.FromString(rng.choice(self.good))
        for _ in range(rng.choice([1, 1, 3])):
            self.change(proto.graph, rng)
        return proto.SerializeToString()

    def change(self, graph, rng):
        """Change a node or a constant."""
        helper, node, tensor = self.onnx.helper, rng.choice(graph.node), rng.choice(graph.initializer)
        names = [each.name for each in graph.initializer] + [name for each in graph.node for name in each.output]
        kind = rng.randrange(10)
        if kind == 0:
            tensor.ClearField("dims")
            tensor.dims.extend(
                rng.choice([[-1], [2**40, 2**40], [0], [2**62], [1] * 40, [3, 12], [], [12], [1, 1, 12]])
            )
        elif kind == 1:
            tensor.data_type = rng.randrange(25)
        elif kind == 2:
            tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
        elif kind == 3:
            tensor.name = rng.choice([*names, "../x", ""])
        elif kind == 4:
            self.onnx.external_data_helper.set_external_data(tensor, rng.choice(["../x", "/etc/passwd", "a"]))
        elif kind == 5 and node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice([*names, "X", "", "nothing"])
        elif kind == 6:
            node.op_type = rng.choice(
                [*{each.op_type for each in graph.node}, "Gather", "Gemm", "Split", "If", "Loop", "Flatten", "Squeeze"]
            )
        elif kind == 7:
            values = [2**62, -1, 0, [1, 0, 2], [0, 0, -1], 1.5, "sideways", ["Relu"], rng.randrange(-4, 5)]
            name = rng.choice(
                [*(each.name for each in node.attribute), "axis", "perm", "layout", "hidden_size", "axes"]
            )
            kept = [each for each in node.attribute if each.name != name]
            node.ClearField("attribute")
            node.attribute.extend([*kept, helper.make_attribute(name, rng.choice(values))])
        elif kind == 8:
            del graph.node[rng.randrange(len(graph.node))]
            graph.node.append(node)
        else:
            graph.input[0].type.tensor_type.shape.dim[-1].dim_value = rng.choice([0, -1, 2**62, 2**19, 1, 2, 3])
            rng.choice(graph.output).name = rng.choice(names)
