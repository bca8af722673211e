"""The answer to ``--formfunc-list``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_formfunc.backends import all_backends
from pytest_formfunc.extensions import KINDS, current
from pytest_formfunc.forms.architectures import architecture_names
from pytest_formfunc.forms.patterns import pattern_entry, pattern_names
from pytest_formfunc.function.advice import TRIALS
from pytest_formfunc.host import fingerprint


def render_listing(reasons: Mapping[str, str | None], host: Mapping[str, Any]) -> Iterator[str]:
    """Say what can be measured here.

    Args:
        reasons: for each backend why it cannot be used here, or None where it can.
        host: the machine and its versions.
    """
    yield "patterns (--formfunc-patterns):"
    for pattern in map(pattern_entry, pattern_names()):
        widths = "any" if pattern.width_multiple == 1 else f"multiples of {pattern.width_multiple}"
        yield f"  {pattern.name:32} widths: {widths}"
    yield "architectures (--formfunc-architectures):"
    yield f"  {', '.join(architecture_names()) or 'none in this version'}"
    yield "backends (--formfunc-backends):"
    for entry in all_backends():
        reason = reasons[entry.name]
        clause = f"; {entry.summary}" if entry.summary else ""
        yield f"  {entry.name:16} {'available' if reason is None else f'not available: {reason}'}{clause}"
    yield "what --formfunc-advise tries, beside these:"
    yield f"  {', '.join(TRIALS)}"
    yield from _added()
    yield f"this machine (fingerprint {fingerprint(host)}):"
    for key, value in host.items():
        yield f"  {key:16} {_text(value)}"


def _added() -> Iterator[str]:
    """Say which of the names others added, and what they stand for."""
    added = [(kind.what, entry) for kind in KINDS for entry in getattr(current(), kind.plural)]
    if added:
        yield "added by others:"
    for what, entry in added:
        yield f"  {entry.name:16} {what}, {entry.target}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none known"
    return str(value)
