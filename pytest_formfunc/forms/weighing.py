"""How much memory a model's weights need, before any are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def weigh_module(make: Callable[[], nn.Module]) -> int | None:
    """Make a module on torch's ``meta`` device, where tensors have shapes and no memory; return its weights' bytes.

    Code that looks at its weights' values, or says which device they are on, cannot be made there: then None.
    """
    import torch

    try:
        with torch.device("meta"):
            module = make()
    except Exception:  # noqa: BLE001 - the user's code may raise anything; making it in earnest says what
        return None
    tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
