"""Names that users type: known ones are passed on, unknown ones refused with their near matches ("did you mean")."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pytest_formfunc.backends import NATIVE, backend_entry, backend_names
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.architectures import architecture_names
from pytest_formfunc.forms.patterns import pattern_names


def check_names(given: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the names without repeats.

    Raises:
        BadInput: one is unknown; the sentence has its near matches.
    """
    for name in given:
        if name in known:
            continue
        if not known:
            raise BadInput(f"unknown {what} {name!r}: this version has none")
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        near += [one for one in known if name and name in one and one not in near][:3]
        hint = f"did you mean {' or '.join(near)}" if near else f"known are {', '.join(known)}"
        raise BadInput(f"unknown {what} {name!r}: {hint}? (--formfunc-list shows all)")
    if not given:
        raise BadInput(f"no {what} is given: name at least one of {', '.join(known)}")
    return tuple(dict.fromkeys(given))


def check_patterns(names: Sequence[str]) -> tuple[str, ...]:
    """Return pattern names without repeats; raises BadInput for an unknown one, with its near matches."""
    return check_names(names, pattern_names(), "pattern")


def check_architectures(names: Sequence[str]) -> tuple[str, ...]:
    """Return architecture names without repeats, every one for ``all``; raises BadInput for an unknown one."""
    return architecture_names() if list(names) == ["all"] else check_names(names, architecture_names(), "architecture")


def check_backends(names: Sequence[str]) -> tuple[str, ...]:
    """Return backend names without repeats and without native, which is always measured.

    Raises:
        BadInput: one is unknown, or names a device where none can be named.
    """
    return tuple(name for name in check_backend_names(names) if name != NATIVE)


def check_backend_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without repeats; one may name a device: ``openvino@GPU``.

    Raises:
        BadInput: one is unknown, or names a device where none can be named. Whether the device is there is asked later.
    """
    check_names([name.partition("@")[0] for name in names], backend_names(), "backend")
    for name in names:
        backend_entry(name)
    return tuple(dict.fromkeys(names))
