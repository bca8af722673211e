"""Read a journal. A last line that was only half written is left out, as a run that was killed leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.journal.lines import Journal, read_header
from pytest_formfunc.json_reading import parse_json, read_file
from pytest_formfunc.paths import open_file


def read_journal(path: Path) -> Journal:
    """Read a journal from its file.

    Raises:
        BadInput: it cannot be read, is no journal, is of another version, or a line other than the last is damaged.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise BadInput(f"journal {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"journal {path} cannot be read: {error}") from None
    return parse_journal(content, str(path))


def parse_journal(content: bytes, name: str) -> Journal:
    """Read a journal from the content of its file.

    Args:
        content: content of the file.
        name: what messages call the file.

    Raises:
        BadInput: as `read_journal` says.
    """
    whole, _, half = content.rpartition(b"\n")
    lines = whole.split(b"\n")
    try:
        journal = Journal(read_header(lines[0].decode("utf-8", "replace")))
        journal.dropped = bool(half.strip(b"\0 "))
        bad = None
        for number, line in enumerate(lines[1:], start=2):
            if not line.strip():
                continue
            if bad is not None:
                raise BadInput(f"is damaged: line {bad} is no line of a journal; remove that line, or measure again")
            try:
                journal.add(parse_json(line))
            except BadInput:
                raise
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError, AttributeError):
                bad = number  # power loss may leave such a line at the end
    except BadInput as error:
        raise BadInput(f"journal {name} {error}") from None
    journal.dropped |= bad is not None
    return journal


def end_of_whole_lines(path: Path) -> int:
    """Return how many bytes of a journal's file its whole lines take.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    end, journal = 0, None
    for length, line in _lines(read_file(path)):
        try:
            if journal is None:
                journal = Journal(read_header(line.decode("utf-8", "replace")))
            elif line.strip():
                journal.add(parse_json(line))
        except (BadInput, ValueError, KeyError, TypeError, OverflowError, RecursionError, AttributeError):
            break
        end += length
    return end


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the length and the content of each line that ends with a line feed."""
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield len(line), line


def is_journal(path: Path) -> bool:
    """Return whether a file's name or its first bytes say that it is a journal."""
    if path.suffix == ".jsonl":
        return True
    try:
        with open_file(path) as file:
            return file.read(11).startswith(b'{"journal":')
    except (OSError, ValueError):
        return False
