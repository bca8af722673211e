"""The precision that a module computes in, as its operators show in a call: it may use autocast, or cast on its way."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_formfunc.backends.trial import for_a_trial

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Network

NAMES = {torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}
_HALVES = (torch.float16, torch.bfloat16)
# Operators that move or convert numbers, and compute none.
_MOVES = {"_to_copy", "alias", "cat", "clone", "contiguous", "copy", "copy_", "detach", "index_select", "stack", "to"}


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is active, notes which half precisions operators get.

    Attributes:
        found: names of the half precisions in which something was computed.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not func.is_view and func.overloadpacket.__name__ not in _MOVES:
            leaves = _pytree.tree_leaves((args, kwargs))
            self.found |= {NAMES[one.dtype] for one in leaves if isinstance(one, torch.Tensor) and one.dtype in _HALVES}
        return func(*args, **kwargs)


def half_of(network: Network) -> str | None:
    """Return the half precision that operators compute in, seen in a call of a copy of a network's module.

    Watching imports a great deal, so it is for the process that prepares.

    Returns:
        Nothing where no operator does, and None where it cannot be seen: compiled code, operators that refuse it.
    """
    kinds = {type(part) for part in network.module.modules()}
    if any(kind.__name__ == "OptimizedModule" or issubclass(kind, torch.jit.ScriptModule) for kind in kinds):
        return None
    module, inputs = for_a_trial(network)
    operators = Operators()
    with contextlib.suppress(Exception):  # the module was called before without a fault
        with torch.no_grad(), operators:
            module(*inputs.args, **inputs.kwargs)
        return min(operators.found, default="")  # bf16 before f16: it is the coarser one
    return None


def half_outputs(result: Any) -> str:
    """Return the precision of the tensors in a result where all that are floats have half precision; else nothing."""
    leaves = [leaf for leaf in _pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]
    kinds = {leaf.dtype for leaf in leaves if leaf.is_floating_point()}
    return NAMES[kinds.pop()] if len(kinds) == 1 and kinds <= set(_HALVES) else ""
