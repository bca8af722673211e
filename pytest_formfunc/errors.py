"""Errors that this package raises; the user sees each as one sentence, without a traceback."""


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


class WorkerTimeout(MeasurementError):
    """A worker process did not answer within the time limit."""


def one_line(error: BaseException) -> str:
    """Return an exception raised by other code as one line: its type and the start of its message.

    >>> one_line(ValueError("a\\nb"))
    'ValueError: a b'
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
