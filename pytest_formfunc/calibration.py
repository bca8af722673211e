"""Samples that a user provides for quantisation: arrays in a file, or the calls that a user's test passes."""

from __future__ import annotations

import hashlib
import lzma
import pickle
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.errors import BadInput, MeasurementError

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs

SUFFIXES = (".npy", ".npz")
CALLS = ".calls"  # suffix of a file of calls that this run wrote


def check_calibration(path: Path) -> Path:
    """Check that a file holds arrays of samples, and return its absolute path.

    Raises:
        BadInput: the file cannot be read, or holds something else.
    """
    if path.suffix not in SUFFIXES:
        raise BadInput(f"calibration {str(path)!r} has no known ending: give samples as .npy, or .npz by input name")
    _read_arrays(path, values=False)
    return path.absolute()


def digest_samples(path: str) -> str:
    """Return a string that changes with the samples; empty where there is no file.

    Raises:
        MeasurementError: the file can no longer be read.
    """
    if not path:
        return ""
    try:
        with open(path, "rb") as file:
            return f"|{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise MeasurementError(f"calibration {path} cannot be read: {error.strerror}") from None


def write_calls(path: Path, calls: Sequence[Inputs]) -> None:
    """Write the arguments of calls to a file that a worker of this run reads with `read_calibration`."""
    import cloudpickle

    path.write_bytes(cloudpickle.dumps(tuple(calls)))


def read_calibration(path: Path, example: Inputs) -> list[Inputs]:
    """Return a call for each batch of samples.

    Args:
        path: a file of arrays whose first axis counts samples, or a file of calls that this run wrote. A ``.npz``
            holds one array for each input, named as the input or, as ``numpy.savez`` does by default, by position.
        example: a call's arguments; they give the number of samples in a batch, their shape and their type.

    Raises:
        BadInput: the file cannot be read, or does not fit the example.
    """
    if path.suffix == CALLS:
        calls: Sequence[Inputs] = pickle.loads(path.read_bytes())
        for call in calls:
            _check_like(example, call)
        return list(calls)
    arrays = _in_order(path, example)
    tensors = example.tensors
    batches = [_batches(path, array, tensor) for array, tensor in zip(arrays, tensors, strict=True)]
    if len({len(one) for one in batches}) > 1:
        raise BadInput(f"{path.name} has arrays of different numbers of samples")
    return [example.with_tensors(one) for one in zip(*batches, strict=True)]


def _read_arrays(path: Path, *, values: bool = True) -> dict[str, np.ndarray[Any, Any]]:
    """Read a file's arrays by name (empty for the one of a .npy); without ``values``, only check the kind of file."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files if values}
    except OSError as error:
        raise BadInput(f"calibration {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, TypeError, KeyError, OverflowError, MemoryError, RuntimeError, SyntaxError,
            tokenize.TokenError, lzma.LZMAError,
            zipfile.BadZipFile, zlib.error):  # fmt: skip
        raise BadInput(f"calibration {path} holds no arrays of numbers, despite its ending") from None


def _in_order(path: Path, example: Inputs) -> list[np.ndarray[Any, Any]]:
    """Return the arrays in the order of the example's tensors."""
    arrays = _read_arrays(path)
    count = len(example.tensors)
    if count == 1 and len(arrays) == 1:
        return list(arrays.values())
    places = [f"arr_{index}" for index in range(count)]
    named = list(example.kwargs) if len(example.kwargs) == count else places
    for names in (named, places):
        if set(names) == set(arrays):
            return [arrays[name] for name in names]
    has = ", ".join(arrays) if "" not in arrays else "one array without a name"
    raise BadInput(f"{path.name} must have an array for each input, {', '.join(named)}, and has {has}")


def _batches(path: Path, array: np.ndarray[Any, Any], tensor: Any) -> list[Any]:
    import torch

    size = tensor.shape[0] if tensor.ndim else 1
    if array.ndim != tensor.ndim or array.shape[1:] != tuple(tensor.shape[1:]) or len(array) < size:
        raise BadInput(
            f"{path.name} has an array of {'x'.join(map(str, array.shape))}, and the input is "
            f"{'x'.join(map(str, tensor.shape))}: give at least a batch of samples of that shape, along the first axis"
        )
    wanted = str(tensor.dtype).removeprefix("torch.")
    if not np.can_cast(array.dtype, wanted if wanted != "bfloat16" else "float32", casting="same_kind"):
        raise BadInput(f"{path.name} has an array of {array.dtype}, and the input is {wanted}")
    return [
        torch.from_numpy(np.array(array[start : start + size])).to(tensor.dtype)
        for start in range(0, len(array) - size + 1, size)
    ]


def _check_like(example: Inputs, call: Inputs) -> None:
    wanted, given = ([(tuple(one.shape), one.dtype) for one in inputs.tensors] for inputs in (example, call))
    if wanted != given or list(example.kwargs) != list(call.kwargs):
        raise BadInput("a call to calibrate with must have the shapes, types and names of the example input")
