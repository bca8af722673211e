"""Convert tensors to numpy arrays and back, with type, rank and strides.

numpy lacks bfloat16, so the bits of inputs are kept in 16-bit integers, and outputs become float32, which holds them
exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def to_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor as an array of the same shape and strides; they share memory where that is possible."""
    import torch

    plain = tensor.detach().resolve_conj().resolve_neg()
    array: np.ndarray[Any, Any] = (plain.view(torch.int16) if plain.dtype == torch.bfloat16 else plain).numpy()
    return array


def copied(array: np.ndarray[Any, Any], *, contiguous: bool) -> np.ndarray[Any, Any]:
    """Return a copy with the order of axes in memory that the array has, or contiguous; a scalar stays one."""
    import numpy as np

    return np.array(array, order="C" if contiguous else "K")


def output_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return a copy of an output; 16-bit floats become float32, which holds their values exactly."""
    import numpy as np
    import torch

    plain = tensor.detach().resolve_conj().resolve_neg()
    if plain.dtype in (torch.bfloat16, torch.float16):
        plain = plain.float()
    elif plain.dtype == torch.complex32:
        plain = plain.to(torch.complex64)
    return np.array(plain.cpu().numpy())


def from_bfloat16_bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the float32 values of an array whose 16-bit elements are the bits of bfloat16 values."""
    import numpy as np

    bits = np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << 16
    return bits.view(np.float32).reshape(array.shape)


def from_array(array: np.ndarray[Any, Any], like: Tensor) -> Tensor:
    """Return an array as a tensor with the type of ``like``; array and tensor share memory."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if like.dtype == torch.bfloat16 else tensor
