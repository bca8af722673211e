"""What environment variables choose for the studies: names, joined by commas, which are checked first."""

from __future__ import annotations

import os

import pytest

from pytest_formfunc.backends import backend_names
from pytest_formfunc.forms.architectures import architecture_names
from pytest_formfunc.forms.patterns import pattern_names

KNOWN = {
    "FORMFUNC_STUDY": ("default", "full"),
    "FORMFUNC_PATTERNS": pattern_names(),
    "FORMFUNC_NETWORK": architecture_names(),
    "FORMFUNC_BACKENDS": backend_names(),
    "FORMFUNC_STEP": tuple(map(str, range(1, 9))),
    "FORMFUNC_ATTEMPTS": ("1", "2", "3"),
}


def choice(variable: str, default: str = "") -> tuple[str, ...]:
    """Return the names that a variable gives; those of ``default`` where it gives none, and all where that is empty."""
    given = os.environ.get(variable, "") or default
    return tuple(filter(None, given.split(","))) or KNOWN[variable]


def check_choices() -> None:
    """End the session where a variable gives a name that is not known."""
    for variable, known in KNOWN.items():
        for name in choice(variable):
            if name not in known:
                raise pytest.UsageError(f"{variable} names {name!r}: known are {', '.join(known)}")
