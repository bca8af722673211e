"""How much of what a network touches a cache can serve: reuse distances of its tensors, in the order of execution.

The reuse distance of an access is the number of different bytes that were touched since the same data was touched last
(Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9, 1970). A fully associative cache
with least-recently-used replacement serves it if that, with the data itself, fits. Here a tensor is one piece of data:
a kernel that works through it in tiles is not seen, nor what it touches twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_formfunc.function.efficacy import efficacy_of


@dataclass(frozen=True)
class Touch:
    """One access to a tensor.

    Attributes:
        tensor: its name; views of it have the same one.
        size: its bytes.
    """

    tensor: str
    size: int


@dataclass(frozen=True)
class Traffic:
    """What a cache of a size lets through.

    Attributes:
        repeated_bytes: what a call fetches that follows one like it.
        cold_bytes: what a call fetches that finds nothing of its own in the cache.
    """

    repeated_bytes: int
    cold_bytes: int

    @property
    def efficacy(self) -> float:
        """Return the share of a cold call's traffic that a repeated call is spared."""
        return efficacy_of(self.repeated_bytes, self.cold_bytes)


def reuse_distances(touches: Sequence[Touch], *, cold: bool = False) -> list[tuple[float, int]]:
    """Return for each access of a call the bytes of the least cache that serves it, and the tensor's own bytes.

    The call before it was the same, so that weights, inputs and memory that is used again are found where they were.

    Args:
        touches: the accesses of a call, in order.
        cold: whether there was no call before it; the first access of each tensor is then served by no cache.

    >>> reuse_distances([Touch("x", 10), Touch("w", 30), Touch("x", 10)])
    [(10, 10), (40, 30), (40, 10)]
    >>> reuse_distances([Touch("x", 10), Touch("w", 30), Touch("x", 10)], cold=True)
    [(inf, 10), (inf, 30), (40, 10)]
    """
    recent: list[str] = []  # most recently used last
    sizes = {one.tensor: one.size for one in touches}
    found: list[tuple[float, int]] = []
    for _ in range(1 if cold else 2):
        found = []
        for one in touches:
            least = math.inf
            if one.tensor in recent:
                place = recent.index(one.tensor)
                least = sum(sizes[name] for name in recent[place:])
                recent.pop(place)
            found.append((least, one.size))
            recent.append(one.tensor)
    return found


def modelled_traffic(touches: Sequence[Touch], cache_bytes: int) -> Traffic:
    """Return what a cache of a size lets through of a call, repeated and cold.

    >>> modelled_traffic([Touch("x", 10), Touch("w", 30), Touch("x", 10)], 39)
    Traffic(repeated_bytes=40, cold_bytes=50)
    >>> modelled_traffic([Touch("x", 10), Touch("w", 30), Touch("x", 10)], 40).efficacy
    1.0
    """
    return Traffic(
        *(
            sum(size for least, size in reuse_distances(touches, cold=cold) if least > cache_bytes)
            for cold in (False, True)
        )
    )


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
