"""What is known of a network's example inputs where they are not: types and ranges, to draw others like them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_DIGITS = "%.4g"


def describe_inputs(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
    """Return of each input its ``type`` and, where it has finite values, their ``low``, ``high``, ``mean`` and ``std``.

    Integers that rise along their only axis are ``sorted``, and those that ``counts`` count up by one along the last.
    """
    return [_describe(one.detach()) for one in tensors]


def _describe(tensor: Tensor) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"type": str(tensor.dtype).removeprefix("torch.")}
    if tensor.dtype.is_complex or not tensor.numel():
        return found
    values = tensor.double()
    values = values[values.isfinite()]
    if not values.numel():
        return found
    whole = not tensor.dtype.is_floating_point and tensor.dtype != torch.bool
    low, high = values.min().item(), values.max().item()
    found |= {"low": int(low), "high": int(high)} if whole else {"low": _rounded(low), "high": _rounded(high)}
    found |= {"mean": _rounded(values.mean().item()), "std": _rounded(values.std(unbiased=False).item())}
    if whole and tensor.dim() and tensor.shape[-1] > 1:
        steps = tensor.long().diff(dim=-1)
        if bool((steps == 1).all()):
            found["counts"] = True
        elif tensor.dim() == 1 and bool((steps >= 0).all()):
            found["sorted"] = True
    return found


def _rounded(value: float) -> float:
    return float(_DIGITS % value)


def inputs_like(
    shapes: Sequence[Sequence[int]], facts: Sequence[dict[str, Any]], types: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what the inputs of a model are drawn by: what is known of them, or else what is usual.

    Args:
        shapes: the shape of each.
        facts: what `describe_inputs` said of each; empty where nobody wrote it down.
        types: the type of each, as the model has it.
    """
    known = facts if len(facts) == len(shapes) else [{}] * len(shapes)
    made = []
    for shape, fact, kind in zip(shapes, known, types, strict=True):
        usual: dict[str, Any] = {"low": -10.0, "high": 10.0, "mean": 0.0, "std": 1.0}
        if "float" not in kind:
            usual = {"low": 0, "high": 9, "mean": 0.5}
        made.append({"shape": list(shape), **usual, **fact, "type": kind})
    return made
