"""Records of one case on one backend, their parts, and their JSON form."""

from pytest_formfunc.records.record import (
    METHOD,
    METHOD_DEFAULT,
    METHOD_DRAWN,
    NATIVE_ENGINE,
    SCHEMA,
    Key,
    Record,
)

__all__ = ["METHOD", "METHOD_DEFAULT", "METHOD_DRAWN", "NATIVE_ENGINE", "SCHEMA", "Key", "Record"]
