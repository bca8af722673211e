"""Which widths a staircase of latency favours, and which layers of a network lie just above an edge of it.

The widths of a step cost alike, so its last one (the upper edge) gives the most for its time. A layer whose width lies
just above an edge pays for a whole step and uses little of it (Yu et al., ArchEdge, arXiv:2011.10912). What is proposed
here is a guess until the layer has been built and timed at both widths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

JUST_ABOVE = 0.25  # of the step: a width that uses no more of it than this lies just above its lower edge


Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """A convolution of an image, or a product with a matrix.

    Attributes:
        in_channels, out_channels: its channels; of a product, the columns of what goes in and of what comes out.
        size: height and width of the image; of a product, the rows of what goes in.
        kernel: height and width of the kernel; None for a product.
        stride: in both directions.
        padding: on each side, in both directions.
        dilation: of the kernel, in both directions.
        groups: number of groups of the convolution; as many as channels for a depthwise one.
    """

    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    kernel: Pair | None = None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def describe(self) -> str:
        """Name it in a few letters.

        >>> Layer(64, 64, (28, 28), (3, 3), padding=(1, 1), groups=64).describe()
        'depthwise-3x3-64-64-28x28'
        >>> Layer(1024, 512, (196,)).describe()
        'linear-1024-512-196'
        """
        size = "x".join(map(str, self.size))
        kind = "linear"
        if self.kernel:
            depthwise = self.groups == self.in_channels > 1
            name = "depthwise" if depthwise else "conv" if self.groups == 1 else f"conv-g{self.groups}"
            strided = "" if set(self.stride) == {1} else f"-s{max(self.stride)}"
            kind = f"{name}-{'x'.join(map(str, self.kernel))}{strided}"
        return f"{kind}-{self.in_channels}-{self.out_channels}-{size}"


@dataclass(frozen=True)
class Proposal:
    """A layer at its own width, and at the edge below.

    Attributes:
        layer: as the network has it.
        narrower: with as many channels as the edge below has.
        count: how many layers of the network are like it.
    """

    layer: Layer
    narrower: Layer
    count: int


def upper_edges(edges: Sequence[int], up_to: int) -> list[int]:
    """Return all widths up to some width after which latency rises, where the edges that were found are evenly spaced.

    Args:
        edges: the last widths before a step that rises, in order.
        up_to: the greatest width that matters.

    >>> upper_edges([64, 80, 96], 40), upper_edges([64, 96], 70), upper_edges([60, 64, 80], 100), upper_edges([], 100)
    ([16, 32], [32, 64], [60, 64, 80], [])
    """
    distances = {later - edge for edge, later in pairwise(edges)}
    if len(distances) == 1:
        (step,) = distances
        if edges[0] % step == 0:
            return list(range(step, up_to + 1, step))
    return [edge for edge in edges if edge <= up_to]


def just_above(width: int, edges: Sequence[int]) -> int | None:
    """Return the edge that a width lies just above; None where it lies on one or well inside a step.

    >>> just_above(66, [16, 32, 48, 64, 80]), just_above(72, [16, 32, 48, 64, 80]), just_above(64, [16, 32, 48, 64])
    (64, None, None)
    """
    below = [edge for edge in edges if edge < width]
    if not below or width in edges:
        return None
    above = [edge for edge in edges if edge > width]
    step = (above[0] - below[-1]) if above else (below[-1] - below[-2] if len(below) > 1 else below[-1])
    return below[-1] if width - below[-1] <= JUST_ABOVE * step else None


def propose(layers: Iterable[Layer], edges: Sequence[int]) -> list[Proposal]:
    """Return a proposal for each kind of layer whose output's width lies just above an edge, the most frequent first.

    Args:
        layers: of a network, in any order.
        edges: the upper edges of the staircase of such layers.
    """
    counts: dict[Layer, int] = {}
    for layer in layers:
        counts[layer] = counts.get(layer, 0) + 1
    found = []
    for layer, count in counts.items():
        edge = just_above(layer.out_channels, edges)
        if edge is None or (layer.groups > 1 and layer.groups != layer.in_channels):
            continue
        depthwise = layer.groups > 1
        if depthwise and layer.in_channels != layer.out_channels:
            continue
        narrower = replace(layer, out_channels=edge)
        if depthwise:
            narrower = replace(narrower, in_channels=edge, groups=edge)
        found.append(Proposal(layer, narrower, count))
    return sorted(found, key=lambda one: -one.count)


def convolutions_of(module: Any, args: tuple[Any, ...]) -> list[Layer]:
    """Run a module once and return its two-dimensional convolutions of images, one for each call.

    Args:
        module: a ``torch.nn.Module``.
        args: what it is called with.
    """
    import torch

    found: list[Layer] = []

    def note(layer: Any, inputs: Any, output: Any) -> None:
        if isinstance(layer.padding, str) or len(inputs[0].shape) != 4:
            return
        found.append(Layer(
            layer.in_channels, layer.out_channels, tuple(inputs[0].shape[2:]), tuple(layer.kernel_size),
            tuple(layer.stride), tuple(layer.padding), tuple(layer.dilation), layer.groups,
        ))  # fmt: skip

    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            module(*args)
    finally:
        for handle in handles:
            handle.remove()
    return found
