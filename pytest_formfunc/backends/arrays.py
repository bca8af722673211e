"""Convert tensors to numpy arrays and back; numpy lacks bfloat16, whose bits are kept in 16-bit integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def to_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor as an array of the same shape."""
    import torch

    plain = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    array: np.ndarray[Any, Any] = plain.numpy()
    return array


def from_array(array: np.ndarray[Any, Any], like: Tensor) -> Tensor:
    """Return an array as a tensor with the type of ``like``; array and tensor share memory."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if like.dtype == torch.bfloat16 else tensor
