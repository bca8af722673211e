"""How much a network's form gains from hardware-specific acceleration, measured and gated in pytest.

The public names, imported on first use: importing the package loads no torch and no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_formfunc.backends import BackendEntry
    from pytest_formfunc.backends.base import Engine
    from pytest_formfunc.cases import Case
    from pytest_formfunc.errors import BadInput, FormfuncError, MeasurementError, Unsupported
    from pytest_formfunc.forms.architectures import ArchitectureEntry
    from pytest_formfunc.forms.block import Block
    from pytest_formfunc.forms.patterns import PatternEntry
    from pytest_formfunc.records import Record
    from pytest_formfunc.records.parts import Verdict
    from pytest_formfunc.stats.estimate import Estimate

__version__ = "0.1.0"

__all__ = [
    "ArchitectureEntry",
    "BackendEntry",
    "BadInput",
    "Block",
    "Case",
    "Engine",
    "Estimate",
    "FormfuncError",
    "MeasurementError",
    "PatternEntry",
    "Record",
    "Unsupported",
    "Verdict",
    "__version__",
]

_MODULES = {
    "ArchitectureEntry": "forms.architectures",
    "BackendEntry": "backends",
    "BadInput": "errors",
    "Block": "forms.block",
    "Case": "cases",
    "Engine": "backends.base",
    "Estimate": "stats.estimate",
    "FormfuncError": "errors",
    "MeasurementError": "errors",
    "PatternEntry": "forms.patterns",
    "Record": "records",
    "Unsupported": "errors",
    "Verdict": "records.parts",
}


def __getattr__(name: str) -> Any:
    """Import the module of a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
