"""How much of what a network touches a cache can serve: reuse distances of its tensors, in the order of execution.

The reuse distance of an access is the number of different bytes that were touched since the same data was touched last
(Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9, 1970). A fully associative cache
with least-recently-used replacement serves it if that, with the data itself, fits. Here a tensor is one piece of data:
a kernel that works through it in tiles is not seen, nor what it touches twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Touch:
    """One access to a tensor.

    Attributes:
        tensor: its name; views of it have the same one.
        size: its bytes.
    """

    tensor: str
    size: int


def reuse_distances(touches: Sequence[Touch]) -> list[tuple[int, int]]:
    """Return for each access of a call the bytes of the least cache that serves it, and the tensor's own bytes.

    The call before it was the same, so that weights, inputs and memory that is used again are found where they were.

    >>> reuse_distances([Touch("x", 10), Touch("w", 30), Touch("x", 10)])
    [(10, 10), (40, 30), (40, 10)]
    """
    recent: list[str] = []  # most recently used last
    sizes = {one.tensor: one.size for one in touches}
    found = []
    for call in range(2):
        for one in touches:
            if one.tensor in recent:
                place = recent.index(one.tensor)
                between = sum(sizes[name] for name in recent[place + 1 :])
                if call:
                    found.append((between + one.size, one.size))
                recent.pop(place)
            elif call:
                raise AssertionError("the call before it touched the same tensors")
            recent.append(one.tensor)
    return found


def modelled_efficacy(touches: Sequence[Touch], cache_bytes: int) -> float:
    """Return the share of touched bytes that a cache of a size serves; 1 where nothing is touched.

    >>> modelled_efficacy([Touch("x", 10), Touch("w", 30), Touch("x", 10)], 39)
    0.2
    >>> modelled_efficacy([Touch("a", 10), Touch("b", 30), Touch("b", 30), Touch("a", 10)], 35)
    0.5
    """
    distances = reuse_distances(touches)
    total = sum(size for _, size in distances)
    return sum(size for least, size in distances if least <= cache_bytes) / total if total else 1.0


def touched_bytes(touches: Sequence[Touch]) -> int:
    """Return the bytes of all different tensors: what one call works on.

    >>> touched_bytes([Touch("x", 10), Touch("w", 30), Touch("x", 10)])
    40
    """
    return sum({one.tensor: one.size for one in touches}.values())


def touches_of(program: Any, *, fused: bool) -> list[Touch]:
    """Return the accesses of an exported program, operator by operator: its tensors read, then written.

    Args:
        program: a ``torch.export.ExportedProgram``.
        fused: whether an operator that works element by element (and a normalisation with fixed statistics) is computed
            together with the one that it gets its input from, where nothing else reads that.
    """
    import torch

    base: dict[Any, Any] = {}  # the node whose memory a node's output is
    found: list[Touch] = []

    def touch(node: Any) -> None:
        owner = base.get(node, node)
        value = owner.meta.get("val")
        for index, leaf in enumerate(value if isinstance(value, tuple | list) else [value]):
            if isinstance(leaf, torch.Tensor):
                found.append(Touch(f"{owner.name}.{index}", leaf.numel() * leaf.element_size()))

    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        inputs = [one for one in node.all_input_nodes if one.op in ("call_function", "placeholder")]
        if _is_view(node) and inputs:
            base[node] = base.get(inputs[0], inputs[0])
            continue
        joins = fused and inputs and _is_elementwise(node) and _only_for(inputs[0], node)
        if joins:  # it writes where its input would have been written
            _drop_writing(found, base.get(inputs[0], inputs[0]))
        for one in inputs[1:] if joins else inputs:
            touch(one)
        touch(node)
    return found


def _is_view(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return "getitem" in str(node.target) or bool(schema and any(one.alias_info for one in schema.returns))


def _is_elementwise(node: Any) -> bool:
    import torch

    tags = getattr(node.target, "tags", ())
    return torch.Tag.pointwise in tags or "batch_norm" in str(node.target)


def _only_for(source: Any, node: Any) -> bool:
    return source.op == "call_function" and set(source.users) == {node}


def _drop_writing(found: list[Touch], node: Any) -> None:
    """Drop the last access, where it is that a node's output was written: it never is in memory then."""
    while found and found[-1].tensor.startswith(f"{node.name}."):
        found.pop()
