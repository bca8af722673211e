"""Which named architectures there are. Names only; one file a family, one line here each."""

from __future__ import annotations

ARCHITECTURES: tuple[str, ...] = ()


def architecture_names() -> tuple[str, ...]:
    """Return every known architecture's name."""
    return ARCHITECTURES
