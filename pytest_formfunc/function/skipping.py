"""Skip channels and positions while running, those with the least attention: a fixed share of each convolution's input.

Attention of a channel is the mean of its absolute values over positions, that of a position the mean over channels
(Zagoruyko and Komodakis, arXiv:1612.03928). What is skipped is chosen for each input anew. `mask` computes with zeros
in its place, for many inputs at a time: what accuracy is left. `gather` leaves the work out, for one input: whether
that saves time is for a clock to say. Both compute the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pytest_formfunc.function.lints.graph_edits import arguments_of, calls_of, operator_name, shape_of, weight_of

CHANNELS, POSITIONS = "channels", "positions"
_SMALLEST = 16  # channels or positions; of fewer nothing is skipped


def mask(module: Any, axis: str, keep: float) -> int:
    """Put zeros in the place of what is skipped; return how many convolutions are concerned.

    Args:
        module: a ``torch.fx.GraphModule`` of ATen operators, which is changed.
        axis: `CHANNELS` or `POSITIONS`.
        keep: share of them that is computed.
    """
    count = 0
    for node, source, total in [*_places(module, axis)]:
        with module.graph.inserting_before(node):
            masked = module.graph.call_function(_masked, (source, axis, _kept(total, keep)))
        node.replace_input_with(source, masked)
        count += 1
    module.recompile()
    return count


def gather(module: Any, axis: str, keep: float) -> int:
    """Leave the work out, for a batch of one; return how many convolutions are concerned.

    Channels: the chosen ones are taken out of the input and of the weights. Positions: the chosen ones are multiplied,
    and put where they were; so it takes convolutions of 1 x 1, others have neighbours.
    """
    count = 0
    for node, source, total in [*_places(module, axis)]:
        given = arguments_of(node)
        function = _fewer_channels if axis == CHANNELS else _fewer_positions
        with module.graph.inserting_before(node):
            called = module.graph.call_function(
                function,
                (source, given["weight"], given["bias"], given["stride"], given["padding"], given["dilation"],
                 _kept(total, keep)),
            )  # fmt: skip
        node.replace_all_uses_with(called)
        module.graph.erase_node(node)
        count += 1
    module.recompile()
    return count


def macs_saved(module: Any, axis: str, keep: float) -> tuple[int, int]:
    """Return the multiply-accumulates that skipping leaves out, and those of all convolutions and products.

    Args:
        module: as it is, before `mask` or `gather`.
        axis: `CHANNELS` or `POSITIONS`.
        keep: share of them that is computed.
    """
    saved = 0
    for node, _, total in _places(module, axis):
        saved += round(_macs(module, node) * (1 - _kept(total, keep) / total))
    return saved, sum(_macs(module, node) for node in calls_of(module.graph, "conv2d", "linear"))


def masks_while_training(network: Any, axis: str, keep: float) -> Iterator[Any]:
    """Yield a hook for each convolution of a network that skips, which masks what it reads, as `mask` does.

    A network is trained with them, so that it learns to do with what is left. They are removed by their ``remove``.

    Args:
        network: a ``torch.nn.Module``, which gets the hooks.
        axis: `CHANNELS` or `POSITIONS`.
        keep: share of them that is computed.
    """
    import torch

    def hook(layer: Any, inputs: Any) -> Any:
        maps = inputs[0]
        total = maps.shape[1] if axis == CHANNELS else maps.shape[2] * maps.shape[3]
        return None if total < _SMALLEST else (_masked(maps, axis, _kept(total, keep)),)

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.groups == 1:
            pointwise = layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.padding == (0, 0)
            if axis == CHANNELS or pointwise:
                yield layer.register_forward_pre_hook(hook)


def _kept(total: int, keep: float) -> int:
    return max(1, math.ceil(total * keep))


def _places(module: Any, axis: str) -> Iterator[tuple[Any, Any, int]]:
    """Yield each dense convolution that can skip, what it reads, and the number of its channels or positions."""
    for node in calls_of(module.graph, "conv2d"):
        given = arguments_of(node)
        source, weight = given["input"], weight_of(module, given["weight"])
        shape = shape_of(source)
        if weight is None or given["groups"] != 1 or shape is None or len(shape) != 4:
            continue
        pointwise = tuple(weight.shape[2:]) == (1, 1) and set(given["stride"]) == {1} and set(given["padding"]) == {0}
        if axis == POSITIONS and not pointwise:
            continue
        total = shape[1] if axis == CHANNELS else shape[2] * shape[3]
        if total >= _SMALLEST:
            yield node, source, total


def _macs(module: Any, node: Any) -> int:
    given, shape = arguments_of(node), shape_of(node)
    weight = weight_of(module, given["weight"])
    if weight is None or shape is None:
        return 0
    positions = math.prod(shape[2:]) if operator_name(node) == "conv2d" else math.prod(shape[:-1])
    return int(weight.numel()) * positions


def _attention(maps: Any, axis: str) -> Any:
    return maps.abs().mean((2, 3)) if axis == CHANNELS else maps.abs().mean(1).flatten(1)


def _masked(maps: Any, axis: str, kept: int) -> Any:
    import torch

    attention = _attention(maps, axis)
    chosen = torch.zeros_like(attention).scatter(1, attention.topk(kept, dim=1).indices, 1.0)
    if axis == CHANNELS:
        return maps * chosen[:, :, None, None]
    return maps * chosen.reshape(maps.shape[0], 1, *maps.shape[2:])


def _fewer_channels(maps: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, kept: int) -> Any:
    import torch

    chosen = _attention(maps, CHANNELS)[0].topk(kept).indices
    return torch.nn.functional.conv2d(
        maps.index_select(1, chosen), weight.index_select(1, chosen), bias, stride, padding, dilation
    )


def _fewer_positions(maps: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, kept: int) -> Any:
    import torch

    del stride, padding, dilation
    chosen = _attention(maps, POSITIONS)[0].topk(kept).indices
    columns = maps.flatten(2)[0].index_select(1, chosen)
    matrix = weight.flatten(1)
    computed = matrix @ columns if bias is None else torch.addmm(bias[:, None], matrix, columns)
    whole = maps.new_zeros(matrix.shape[0], maps.shape[2] * maps.shape[3])
    if bias is not None:
        whole = whole + bias[:, None]
    return whole.index_copy(1, chosen, computed).reshape(1, -1, *maps.shape[2:])
