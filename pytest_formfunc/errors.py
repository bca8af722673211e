"""Errors that this package raises; the user sees each as one sentence, without a traceback."""

import re

MOST_LETTERS = 300  # of a message of other code
_READ_ON = re.compile(r"\s*(For more information,? (about|on) .{0,80}?)?[Ss]ee:?\s*(https?://\S+|$)\S*")


class FormfuncError(Exception):
    """Base of everything this package raises on purpose."""


class BadInput(FormfuncError):
    """The user's input is invalid; this is reported before anything is measured."""


class MeasurementError(FormfuncError):
    """One case could not be measured; the other cases go on."""


class Unsupported(MeasurementError):
    """An engine cannot run a network because it lacks a feature; this is not a fault."""


class WorkerDied(MeasurementError):
    """A worker process ended while it was expected to answer."""


class ServerDied(WorkerDied):
    """The process that workers are forked from has ended; another one can be started."""


class WorkerTimeout(MeasurementError):
    """A worker process did not answer within the time limit."""


_NO_MEMORY = ("out of memory", "alloc_failed", "cudaerrormemoryallocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a card had too little memory, by what torch, CUDA, cuBLAS and ONNX Runtime say.

    Each has a type of its own, and some of them none but RuntimeError. Of this process' own memory Python says
    MemoryError.

    >>> is_out_of_memory(RuntimeError("CUDA error: out of memory")), is_out_of_memory(ValueError("no"))
    (True, False)
    """
    if isinstance(error, MemoryError):
        return False
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or any(words in text for words in _NO_MEMORY)


def too_little_memory(reason: str) -> str:
    """Return the clause for a network that needs more memory than a card has left."""
    return f"the card has too little memory for it; give it a smaller batch or input ({reason})"


def one_line(error: BaseException) -> str:
    """Return an exception raised by other code as one line: its type and the start of its message, in whole words.

    >>> one_line(ValueError("a\\nb"))
    'ValueError: a b'
    >>> one_line(ValueError("it does not fit. See: https://example.org/very/long"))
    'ValueError: it does not fit.'
    """
    text = shorten(str(error), MOST_LETTERS)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shorten(text: str, most: int) -> str:
    """Return a text on one line, without where to read on, and cut between two words if it is longer than ``most``.

    >>> shorten("one two three", 8)
    'one two ...'
    """
    whole = " ".join(_READ_ON.sub("", " ".join(text.split())).split())
    if len(whole) <= most:
        return whole
    return f"{whole[: most + 1].rpartition(' ')[0] or whole[:most]} ..."
