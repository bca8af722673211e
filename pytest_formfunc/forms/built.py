"""A network as engines receive it: a module or a file, with the arguments of an example call."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """The arguments of one call.

    Attributes:
        args: positional arguments; tensors may be nested in tuples, lists and dicts.
        kwargs: named arguments.
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Return all tensors, positional ones first, in the order in which ``torch.export`` flattens them."""
        import torch
        from torch.utils import _pytree

        leaves = _pytree.tree_leaves((self.args, self.kwargs))
        return tuple(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))

    def map(self, change: Callable[[int, Tensor], Tensor]) -> Inputs:
        """Return the same arguments with each tensor replaced by ``change(index, tensor)``."""
        import torch
        from torch.utils import _pytree

        leaves, spec = _pytree.tree_flatten((self.args, self.kwargs))
        places = iter(range(len(leaves)))
        changed = [change(next(places), leaf) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        args, kwargs = _pytree.tree_unflatten(changed, spec)
        return Inputs(args, kwargs)

    def with_tensors(self, tensors: Sequence[Tensor]) -> Inputs:
        """Return the same arguments with these tensors, in the order of `tensors`."""
        return self.map(lambda place, _: tensors[place])


@dataclass(frozen=True)
class Network:
    """What engines prepare.

    Attributes:
        inputs: an example call's arguments.
        draw: makes similar arguments from a seed.
        module: a ``torch.nn.Module`` in evaluation mode, or None where the form has none.
        file: the model file (.onnx, .xml) of a form that has no module, else None.
        calibration: reads the calls that the user gave to calibrate quantisation; None where there are none.
    """

    inputs: Inputs
    draw: Callable[[int], Inputs]
    module: Any = None
    file: Path | None = None
    calibration: Callable[[], Sequence[Inputs]] | None = None

    @functools.cached_property
    def program(self) -> Any:
        """Return its ``torch.export.ExportedProgram``, exported on first use; raises whatever the exporter raises."""
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter, none of the user's
            return torch.export.export(self.module, self.inputs.args, self.inputs.kwargs)
