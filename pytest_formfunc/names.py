"""Check the names that users type: an unknown name is refused, with similar known names ("did you mean")."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pytest_formfunc.backends import NATIVE, backend_entry, backend_names
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.architectures import architecture_names
from pytest_formfunc.forms.patterns import pattern_names


def check_names(given: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the names without repeats.

    Args:
        given: the names to check.
        known: all valid names.
        what: what such a name is called in messages, such as ``pattern``.

    Raises:
        BadInput: a name is unknown, and the message has similar ones; or there are no names.
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
    """Return pattern names without repeats.

    Raises:
        BadInput: a name is unknown.
    """
    return check_names(names, pattern_names(), "pattern")


def check_architectures(names: Sequence[str]) -> tuple[str, ...]:
    """Return architecture names without repeats; ``all`` stands for all of them.

    Raises:
        BadInput: a name is unknown.
    """
    return architecture_names() if list(names) == ["all"] else check_names(names, architecture_names(), "architecture")


def check_backends(names: Sequence[str]) -> tuple[str, ...]:
    """Return backend names without repeats and without native, which is always measured.

    Raises:
        BadInput: a name is unknown, or includes a device though the backend takes none.
    """
    return tuple(name for name in check_backend_names(names) if name != NATIVE)


def check_backend_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return backend names without repeats; a name may include a device, as in ``openvino@GPU``.

    Whether the machine has the device is checked later.

    Raises:
        BadInput: a name is unknown, or includes a device though the backend takes none.
    """
    check_names([name.partition("@")[0] for name in names], backend_names(), "backend")
    for name in names:
        backend_entry(name)
    return tuple(dict.fromkeys(names))
