"""Errors with one clear sentence each; none of them is shown as a traceback."""


class FormfuncError(Exception):
    """Base of everything this package raises on purpose."""


class BadInput(FormfuncError):
    """The user asked for something that cannot be: said before anything is measured."""


class MeasurementError(FormfuncError):
    """One case could not be measured; the other cases go on."""


class Unsupported(MeasurementError):
    """An engine cannot run a network: a property of the two, not a fault."""


class WorkerDied(MeasurementError):
    """A worker process ended while it was expected to answer."""


class WorkerTimeout(MeasurementError):
    """A worker process did not answer within the time limit."""


def one_line(error: BaseException) -> str:
    """Return an exception of somebody else's as one line: its type and the start of what it says.

    >>> one_line(ValueError("a\\nb"))
    'ValueError: a b'
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
