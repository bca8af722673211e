"""What the report's place can show, and what stands above it already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEAST, MOST = 80, 200  # columns that the report is made for


@dataclass(frozen=True)
class Screen:
    """Where the report is written.

    Attributes:
        columns: of the terminal.
        blocks: whether it takes block characters, of which bars are made.
        told: what pytest has printed of failed tests, in one line; a sentence that is in it is not said again.
    """

    columns: int = 100
    blocks: bool = True
    told: str = ""

    def has_told(self, sentence: str) -> bool:
        """Return whether a sentence stands above already."""
        return bool(sentence) and squeeze(sentence) in self.told


DEFAULT = Screen()


def screen_of(reporter: Any) -> Screen:
    """Return what pytest's terminal reporter writes to."""
    writer = reporter.config.get_terminal_writer()
    encoding = str(getattr(getattr(writer, "_file", None), "encoding", "") or "ascii")
    shown = reporter.config.getoption("tbstyle") not in ("no", "line")
    failed = [report for name in ("failed", "error") for report in reporter.stats.get(name, ())] if shown else []
    told = squeeze(" ".join(str(getattr(report, "longreprtext", "")) for report in failed))
    return Screen(max(LEAST, min(MOST, writer.fullwidth)), _can_write("█", encoding), told)


def squeeze(text: str) -> str:
    """Return a text in one line, without pytest's marks of errors.

    >>> squeeze("E   it is  slower\\nE   by 4%")
    'it is slower by 4%'
    """
    lines = (line.removeprefix("E ") for line in text.splitlines())
    return " ".join(" ".join(lines).split())


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
