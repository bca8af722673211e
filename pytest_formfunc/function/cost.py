"""What one call of a network costs, counted on the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """The cost of one call on one batch; it is a property of the form, not of the machine.

    Attributes:
        macs: multiply-accumulates of convolutions and matrix products, attention's included, for the whole
            batch; half of what ``torch.utils.flop_counter`` counts. Products with padding count, as there.
        params: learnt numbers, one for each element of ``Module.parameters()``; a shared one counts once.
        weight_bytes: bytes of parameters and buffers, in the types they are stored in.
        activation_bytes: bytes of the output of every call of every leaf module (one with none within);
            what plain functions make (additions, concatenations) is not counted, and what is overwritten in
            place counts each time.
    """

    macs: int
    params: int
    weight_bytes: int
    activation_bytes: int

    @property
    def flops(self) -> int:
        """Floating-point operations: a multiplication and an addition for each multiply-accumulate.

        >>> Cost(macs=21, params=0, weight_bytes=0, activation_bytes=0).flops
        42
        """
        return 2 * self.macs


def count_cost(network: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any] = MappingProxyType({})) -> Cost:
    """Run the network once on the arguments of a call and count.

    Not counted, because the flop counter does not know them: recurrent layers that run as one kernel, and
    quantised layers.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    activation_bytes = 0

    def add_output(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal activation_bytes
        activation_bytes += sum(map(_count_bytes, _tensors_in(output)))

    leaves = [module for module in network.modules() if next(module.children(), None) is None]
    handles = [leaf.register_forward_hook(add_output) for leaf in leaves]
    cpu_attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    counter = FlopCounterMode(display=False, custom_mapping={cpu_attention: _count_attention_flops})
    had_fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it is one operator, unknown to the counter
    try:
        with torch.no_grad(), counter:
            network(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(had_fast_path)
        for handle in handles:
            handle.remove()
    weights = [*network.parameters(), *network.buffers()]
    return Cost(
        macs=counter.get_total_flops() // 2,
        params=sum(parameter.numel() for parameter in network.parameters()),
        weight_bytes=sum(map(_count_bytes, weights)),
        activation_bytes=activation_bytes,
    )


def count_activation_bytes(program: Any) -> int:
    """Count the bytes of what every operator of an exported program makes; views, which make nothing, left out."""
    import torch
    from torch.utils import _pytree

    total = 0
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or (schema and any(one.alias_info for one in schema.returns)):
            continue
        made = [leaf for leaf in _pytree.tree_leaves(node.meta.get("val")) if isinstance(leaf, torch.Tensor)]
        total += sum(map(_count_bytes, made))
    return total


def _count_attention_flops(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], *args: Any, **kwargs: Any
) -> int:
    """Count attention's two matrix products from its shapes ``(batch, heads, tokens, head_dim)``.

    torch knows this for its GPU kernels only.
    """
    batch, heads, queries, head_dim = query
    return 2 * batch * heads * queries * key[2] * (head_dim + value[3])


def _tensors_in(value: Any) -> Iterator[Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors_in(item)


def _count_bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
