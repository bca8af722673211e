"""Small model files for tests, made by hand so that their computation is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto as Proto
from onnx import helper, numpy_helper
from torch import nn


def save_onnx(path: Path, nodes, inputs, outputs, weights=(), *, opset=17, domain="", external=False) -> Path:
    """Write a graph; inputs and outputs are ``(name, type, shape)``, weights ``name -> array``."""
    graph = helper.make_graph(
        nodes, "graph",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(array, name) for name, array in dict(weights).items()],
    )  # fmt: skip
    sets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=sets, ir_version=9)
    onnx.save(
        model, path, save_as_external_data=external, all_tensors_to_one_file=True, location=f"{path.name}.data",
        size_threshold=0,
    )  # fmt: skip
    return path


def encoder_onnx(path: Path, *, external=False) -> Path:
    """Write a network on integer tokens: embedding, mask, one linear layer; batch and sequence are open."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=Proto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide_mask"]),
        helper.make_node("Mul", ["embedded", "wide_mask"], ["masked"]),
        helper.make_node("MatMul", ["masked", "matrix"], ["hidden"]),
        helper.make_node("ReduceMean", ["hidden"], ["pooled"], axes=[1], keepdims=0),
    ]
    return save_onnx(
        path, nodes,
        [(name, Proto.INT64, ["batch", "sequence"]) for name in ("input_ids", "attention_mask")],
        [("hidden", Proto.FLOAT, ["batch", "sequence", 8]), ("pooled", Proto.FLOAT, ["batch", 8])],
        {
            "table": rng.standard_normal((20, 16), dtype=np.float32),
            "matrix": rng.standard_normal((16, 8), dtype=np.float32),
            "last": np.array([-1], dtype=np.int64),
        },
        external=external,
    )  # fmt: skip


def one_node_onnx(path: Path, operator: str, **kwargs) -> Path:
    """Write a graph of one operator with one open axis."""
    node = helper.make_node(operator, ["x"], ["y"], domain=kwargs.get("domain", ""))
    ends = [(name, Proto.FLOAT, ["batch", 3]) for name in ("x", "y")]
    return save_onnx(path, [node], ends[:1], ends[1:], **kwargs)


class TwoHeads(nn.Module):
    """A network that returns a dict, as many libraries' networks do."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        features = self.body(x).relu().mean((2, 3))
        return {"logits": self.head(features), "features": features}


def exported_program(side: int = 32):
    """Return a program whose batch is open."""
    torch.manual_seed(0)
    batch = torch.export.Dim("batch")
    return torch.export.export(TwoHeads().eval(), (torch.randn(2, 3, side, side),), dynamic_shapes=({0: batch},))


BERT = {
    "model_type": "bert", "vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": 64, "type_vocab_size": 2,
}  # fmt: skip


def bert_folder(path: Path, **changes) -> Path:
    """Write a local folder with the config of a small transformer, and no weights."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps({**BERT, **changes}))
    return path
