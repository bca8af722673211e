"""The answer to ``--formfunc-list``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_formfunc.backends import all_backends
from pytest_formfunc.extensions import KINDS, current
from pytest_formfunc.forms.architectures import architecture_names
from pytest_formfunc.forms.patterns import pattern_entry, pattern_names
from pytest_formfunc.host import describe_host, fingerprint
from pytest_formfunc.run import Run


def render_listing(run: Run) -> Iterator[str]:
    """Say what can be measured here."""
    yield "patterns (--formfunc-patterns):"
    for pattern in map(pattern_entry, pattern_names()):
        widths = "any" if pattern.width_multiple == 1 else f"multiples of {pattern.width_multiple}"
        yield f"  {pattern.name:32} widths: {widths}"
    yield "architectures (--formfunc-architectures):"
    yield f"  {', '.join(architecture_names()) or 'none in this version'}"
    yield "backends (--formfunc-backends):"
    for name, reason in run.probe([entry.name for entry in all_backends()]).items():
        summary = next(entry.summary for entry in all_backends() if entry.name == name)
        clause = f"; {summary}" if summary else ""
        yield f"  {name:16} {'available' if reason is None else f'not available: {reason}'}{clause}"
    yield from _added()
    host = describe_host()
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
