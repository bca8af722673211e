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
