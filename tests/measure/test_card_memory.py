"""A network that needs more memory than a card has left: one sentence, whichever library says so."""

import pytest

from pytest_formfunc.errors import MeasurementError, too_little_memory
from pytest_formfunc.measure.protocol import Failure


class OutOfMemoryError(RuntimeError):
    """As torch's is called."""


class AcceleratorError(RuntimeError):
    """As torch calls what CUDA says."""


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0"),
    ],
)
def test_it_says_what_to_do(error):
    found = Failure.of(error)
    assert found.whole
    assert found.reason.startswith("the card has too little memory for it; give it a smaller batch or input (")
    assert str(error).partition("\n")[0] in found.reason


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("Failed to allocate memory for requested buffer of size 1"),
    ],
)
def test_of_the_processors_own_memory_it_says_nothing_of_cards(error):
    assert "card" not in Failure.of(error).reason


def test_what_an_engine_has_found_out_itself_is_said_once():
    said = too_little_memory("TensorRT made no execution context")
    assert Failure.of(MeasurementError(said)).reason == said
