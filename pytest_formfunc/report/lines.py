"""Lines of the terminal report: paragraphs are broken at the width of the terminal, and none is said twice."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_formfunc.text import log_line

YELLOW, RED, BOLD = {"yellow": True}, {"red": True}, {"bold": True}

_LONG = 60  # characters: a shorter sentence is a figure of its own table


@dataclass(frozen=True)
class Line:
    """A line of text and how pytest should colour it; the words alone say everything.

    Attributes:
        text: what it says.
        markup: how pytest colours it.
        indent: what its second and further lines begin with, where it is a paragraph; None where it stays one line.
        parts: the names at its end, none of which is broken, where it is a list of names.
    """

    text: str
    markup: Mapping[str, bool] = field(default_factory=dict)
    indent: str | None = None
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make names from elsewhere harmless."""
        object.__setattr__(self, "text", log_line(self.text))
        object.__setattr__(self, "parts", tuple(map(log_line, self.parts)))


def paragraph(text: str, indent: str = "", markup: Mapping[str, bool] | None = None) -> Line:
    """Return a sentence that may be broken at its spaces: a path or a test's id stays whole, to be copied."""
    return Line(text, markup or {}, indent)


def listed(title: str, names: Sequence[str]) -> Iterator[Line]:
    """Yield a list of names, joined by commas, that may be broken between them; nothing where there are none."""
    if names:
        yield Line(title + ", ".join(names), parts=tuple(names), indent=" " * len(title))


def fit(lines: Iterable[Line], columns: int) -> Iterator[Line]:
    """Break paragraphs into lines of at most so many columns, and leave out long ones that were said before.

    >>> long = paragraph("this sentence is said once, however many of the tables above it would be asked for", "  ")
    >>> [line.text for line in fit([long, Line("a"), Line("a"), long], 60)]
    ['this sentence is said once, however many of the tables above', '  it would be asked for', 'a', 'a']
    """
    said = set()
    for line in lines:
        if line.indent is None:
            yield line
        elif line.text not in said or len(line.text) < _LONG:
            said.add(line.text)
            pieces = _joined(line, columns) if line.parts else _wrapped(line, columns)
            yield from (replace(line, text=piece, indent=None, parts=()) for piece in pieces)


def _wrapped(line: Line, columns: int) -> list[str]:
    return textwrap.wrap(
        line.text, columns, subsequent_indent=line.indent or "", break_long_words=False, break_on_hyphens=False
    )


def _joined(line: Line, columns: int) -> Iterator[str]:
    title = line.text[: len(line.indent or "")]
    text = title
    for index, part in enumerate(line.parts):
        piece = part + ("," if index < len(line.parts) - 1 else "")
        if len(text) + len(piece) + 1 > columns and text.strip() != title.strip():
            yield text.rstrip()
            text = line.indent or ""
        text += piece + " "
    yield text.rstrip()
