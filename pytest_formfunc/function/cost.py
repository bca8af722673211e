"""Count what one call of a network costs, by running the network."""

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
            batch; half of what ``torch.utils.flop_counter`` counts. Products with padding are counted, as there.
        params: elements of ``Module.parameters()``; a shared parameter counts once.
        weight_bytes: bytes of parameters and buffers, in the types they are stored in.
        activation_bytes: bytes of the output of every call of every leaf module (a module without submodules).
            Outputs of plain functions (additions, concatenations) are not counted, and a tensor that is
            overwritten in place counts each time.
    """

    macs: int
    params: int
    weight_bytes: int
    activation_bytes: int

    @property
    def flops(self) -> int:
        """Return floating-point operations: a multiplication and an addition for each multiply-accumulate.

        >>> Cost(macs=21, params=0, weight_bytes=0, activation_bytes=0).flops
        42
        """
        return 2 * self.macs


def count_cost(network: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any] = MappingProxyType({})) -> Cost:
    """Run the network once on the arguments of a call and count its cost.

    Recurrent layers that run as one kernel, and quantised layers, are not counted: the flop counter does not know
    them.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    if isinstance(network, torch.jit.ScriptModule):
        return _count_script(network, args, kwargs)
    activation_bytes = 0

    def add_output(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal activation_bytes
        activation_bytes += sum(map(_count_bytes, _tensors_in(output)))

    leaves = [module for module in network.modules() if next(module.children(), None) is None]
    handles = [leaf.register_forward_hook(add_output) for leaf in leaves]
    cpu_attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    counter = FlopCounterMode(display=False, custom_mapping={cpu_attention: count_attention_flops})
    had_fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the fast path is one operator that the counter does not know
    try:
        with torch.no_grad(), counter:
            network(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(had_fast_path)
        for handle in handles:
            handle.remove()
    return _cost_of(network, counter.get_total_flops(), activation_bytes)


def _count_script(network: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Cost:
    """Count the cost of a module of TorchScript, which has no hooks: activations are the outputs of all operators."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    class Outputs(TorchDispatchMode):  # type: ignore[no-untyped-call]
        made = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            self.made += 0 if func.is_view else sum(map(_count_bytes, _tensors_in(result)))
            return result

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), Outputs() as outputs, counter:  # type: ignore[no-untyped-call]
        network(*args, **kwargs)
    return _cost_of(network, counter.get_total_flops(), outputs.made)


def _cost_of(network: nn.Module, flops: int, activation_bytes: int) -> Cost:
    weights = [*network.parameters(), *network.buffers()]
    return Cost(
        macs=flops // 2,
        params=sum(parameter.numel() for parameter in network.parameters()),
        weight_bytes=sum(map(_count_bytes, weights)),
        activation_bytes=activation_bytes,
    )


def count_activation_bytes(program: Any) -> int:
    """Count the bytes of the outputs of all operators of an exported program, except views, which allocate nothing."""
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


def count_attention_flops(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], *args: Any, **kwargs: Any
) -> int:
    """Count attention's two matrix products from its shapes ``(batch, heads, tokens, head_dim)``.

    torch has this formula for its GPU kernels only.
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
