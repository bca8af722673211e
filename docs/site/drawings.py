"""Draw the block of each pattern as its code builds it: `python docs/site/drawings.py` writes docs/patterns/*.svg.

It needs torch, and graphviz's `dot`. The drawings are kept in the repository, so that the pages need neither; each has
the digest of what it shows, and a test compares that with the code.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from pytest_formfunc.forms.patterns import PATTERNS, block_class

FOLDER = Path(__file__).parents[1] / "patterns"
WIDTH = 64  # channels in, and the pattern's width, in every drawing
_SIDE = 14
_FOLLOWS = (nn.BatchNorm2d, nn.LayerNorm, nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Hardswish)
_WORDS = {
    "add": "add", "iadd": "add", "mul": "multiply", "cat": "concatenate", "chunk": "split in two",
    "mean": "mean over positions", "scaled_dot_product_attention": "attention",
}  # fmt: skip
_MOVES = (
    "getitem",
    "view",
    "reshape",
    "contiguous",
    "transpose",
    "permute",
    "flatten",
    "unflatten",
    "unbind",
    "expand",
)
_BREAK = "\\n"  # for graphviz
_HIDDEN = (nn.Identity, nn.Dropout)


def dot_of(name: str) -> str:
    """Return the drawing of a pattern's block in graphviz's language."""
    block: Any = block_class(name)(WIDTH, WIDTH)
    graph = fx.symbolic_trace(block.eval())
    ShapeProp(graph).propagate(torch.zeros(1, WIDTH, _SIDE, _SIDE))
    labels: dict[str, list[str]] = {}
    shown: dict[str, str] = {}  # each node's name by that of the box that shows it
    edges: list[tuple[str, str]] = []
    for node in graph.graph.nodes:
        sources = list(dict.fromkeys(shown[one.name] for one in node.all_input_nodes if one.name in shown))
        module = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
        if node.op == "get_attr":
            continue
        only = node.all_input_nodes[0] if len(node.all_input_nodes) == 1 else None
        if isinstance(module, _HIDDEN) or (node.op != "call_module" and _is_shape_only(node)):
            shown[node.name] = sources[0] if sources else node.name
        elif isinstance(module, _FOLLOWS) and only is not None and len(only.users) == 1 and only.op != "placeholder":
            labels[sources[0]].append(_module_words(module))
            shown[node.name] = sources[0]
        else:
            shown[node.name] = node.name
            labels[node.name] = [_words(node, module)]
            edges += [(source, node.name) for source in sources]
    boxes = [f'  {key} [label="{_BREAK.join(words)}"];' for key, words in labels.items()]
    lines = [f"  {a} -> {b};" for a, b in dict.fromkeys(edges)]
    head = [
        "digraph block {", "  bgcolor=transparent; ranksep=0.28; nodesep=0.3;",
        '  node [shape=box, style="rounded,filled", fillcolor="#e8eef7", color="#4a6fa5", fontcolor="#15202b", '
        'fontname="Helvetica", fontsize=11, margin="0.12,0.05", height=0.3];',
        '  edge [color="#7a8794", arrowsize=0.6];',
    ]  # fmt: skip
    return "\n".join([*head, *boxes, *lines, "}", ""])


def digest_of(dot: str) -> str:
    """Return what a drawing is marked with."""
    return hashlib.sha256(dot.encode()).hexdigest()[:16]


def _is_shape_only(node: fx.Node) -> bool:
    """Return whether a node moves or names values only; the mixing of groups of channels is told by its five axes."""
    meta = node.meta.get("tensor_meta")
    if node.op in ("placeholder", "output"):
        return False
    if not hasattr(meta, "shape"):  # a number, or several tensors
        return _name(node) != "chunk"
    return _name(node) in _MOVES and not _is_shuffle(node)


def _is_shuffle(node: fx.Node) -> bool:
    return _name(node) == "transpose" and len(node.meta["tensor_meta"].shape) == 5


def _name(node: fx.Node) -> str:
    return str(node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target))


def _words(node: fx.Node, module: nn.Module | None) -> str:
    if node.op == "placeholder":
        return f"{WIDTH} channels in"
    if node.op == "output":
        return f"{node.all_input_nodes[0].meta['tensor_meta'].shape[1]} channels out"
    if module is not None:
        return _module_words(module)
    if _is_shuffle(node):
        return "shuffle channels"
    return _WORDS.get(_name(node), _name(node).replace("_", " "))


def _module_words(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        size = "x".join(map(str, module.kernel_size))
        kind = "depthwise conv" if module.groups == module.in_channels > 1 else "conv"
        groups = f", {module.groups} groups" if 1 < module.groups < module.in_channels else ""
        return f"{kind} {size}, {module.in_channels} to {module.out_channels}{groups}"
    if isinstance(module, nn.Linear):
        return f"linear, {module.in_features} to {module.out_features}"
    if isinstance(module, nn.BatchNorm2d):
        return "batch norm"
    name = type(module).__name__.removesuffix("2d")
    words = {"MaxPool": "max pool", "LayerNorm": "layer norm", "Sigmoid": "sigmoid"}.get(name, name)
    size = getattr(module, "kernel_size", "")
    return f"{words}{f' {size}x{size}' if isinstance(size, int) else ''}"


def main() -> int:
    """Write all drawings."""
    if shutil.which("dot") is None:
        print("drawings are made by graphviz's `dot`, which is not installed", file=sys.stderr)
        return 4
    FOLDER.mkdir(exist_ok=True)
    for entry in PATTERNS:
        dot = dot_of(entry.name)
        done = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True)
        svg = done.stdout[done.stdout.index("<svg") :]
        svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.S)
        (FOLDER / f"{entry.name}.svg").write_text(f"<!-- {digest_of(dot)} -->\n{svg}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
