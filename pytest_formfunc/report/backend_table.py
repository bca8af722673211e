"""The table of one accelerated backend in the terminal: a line a case, with a bar where the terminal has room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.records import NATIVE_ENGINE, Key, Record
from pytest_formfunc.report.engines import with_name
from pytest_formfunc.report.figures import (
    STOPPED_EARLY,
    STOPPED_EARLY_MEANS,
    native_ms,
    own_ms,
    range_text,
    rank,
    speedup_text,
)
from pytest_formfunc.report.lines import BOLD, RED, YELLOW, Line, paragraph
from pytest_formfunc.report.screen import DEFAULT, Screen
from pytest_formfunc.report.section_answer import is_claimed

_LEAST_NAME, _MOST_NAME = 12, 60
_SPEEDUP = 21
_RANGE = 12
_LEAST_BAR, _MOST_BAR = 4, 30
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Layout:
    """Columns of the parts of a row; 0 where a part is left out."""

    name: int
    verdict: int
    bar: int


def lay_out(columns: int, longest_name: int, longest_verdict: int) -> Layout:
    """Share the columns of a terminal.

    Names and figures come first; a longer name gets a line of its own. Then the bar takes what is left.

    >>> lay_out(100, 16, 0), lay_out(80, 40, 9)
    (Layout(name=16, verdict=0, bar=30), Layout(name=16, verdict=9, bar=4))
    """
    figures = 1 + 6 + 1 + 6 + 1 + _SPEEDUP + 1 + _RANGE + (1 + longest_verdict if longest_verdict else 0)
    left = columns - figures
    name = max(_LEAST_NAME, min(longest_name, left, _MOST_NAME))
    short = left - 1 - _LEAST_BAR  # a name that leaves room for the least bar
    if _LEAST_NAME <= short < name and (columns < DEFAULT.columns or longest_name > _MOST_NAME):
        name = short
    bar = left - name - 1
    return Layout(name, longest_verdict, min(bar, _MOST_BAR) if bar >= _LEAST_BAR else 0)


def bar_text(value: float, greatest: float, columns: int, *, blocks: bool = True) -> str:
    """Return a bar from 0, as long as a value is beside the greatest, which has all columns.

    >>> bar_text(1.5, 4.0, 8), bar_text(4.0, 4.0, 8), bar_text(1.5, 4.0, 8, blocks=False)
    ('███', '████████', '###')
    >>> bar_text(1.3, 4.0, 8)
    '██▋'
    """
    length = columns * min(value / greatest, 1.0)
    if not blocks:
        return "#" * round(length)
    eighths = round(8 * length)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def render_backend(
    backend: str,
    records: Sequence[Record],
    memory_note: str = "",
    tests: Mapping[Key, str] | None = None,
    screen: Screen = DEFAULT,
) -> Iterator[Line]:
    """Render the table of one accelerated backend.

    Args:
        backend: its name.
        records: of the whole run.
        memory_note: why memory is not kept on either side.
        tests: the id of the test that measured a case on a backend.
        screen: where it is written.
    """
    rows = sorted((record for record in records if record.backend == backend), key=rank)
    verdicts = [record.verdict.status if record.verdict else "" for record in rows]
    speedups = [bar_value(record) for record in rows]
    greatest = max(map(bar_value, records), default=0.0)  # of all backends, so that bars of two tables compare
    titles = [row_title(record, tests or {}) for record in rows]
    layout = lay_out(screen.columns, max(map(len, titles)), max(map(len, verdicts)))
    yield from _heading(backend, rows, memory_note)
    header = f"{'case':{layout.name}} {'native':>6} {'accel.':>6} {'speedup':{_SPEEDUP}} {'by default':{_RANGE}}"
    header += f" {'verdict':{layout.verdict}}" if layout.verdict else ""
    scale = (f"0 to {greatest:.2g}x", f"{greatest:.2g}x", "")
    header += f" {next(text for text in scale if len(text) <= layout.bar)}" if greatest else ""
    yield Line(header.rstrip(), BOLD)
    for record, title, verdict, speedup in zip(rows, titles, verdicts, speedups, strict=True):
        figures = (
            f"{native_ms(record):>6} {own_ms(record):>6} {speedup_text(record):{_SPEEDUP}} "
            f"{range_text(record.process_range):{_RANGE}}"
        )
        figures += f" {verdict:{layout.verdict}}" if layout.verdict else ""
        figures += f" {bar_text(speedup, greatest, layout.bar, blocks=screen.blocks)}" if layout.bar and speedup else ""
        colour = RED if verdict == "regressed" else YELLOW if record.noise.contended else {}
        for text in with_name(title, layout.name, figures):
            yield Line(text.rstrip(), colour)
    if any(speedup_text(record).endswith(STOPPED_EARLY) for record in rows):
        yield Line(STOPPED_EARLY_MEANS)


def _heading(backend: str, rows: Sequence[Record], memory_note: str) -> Iterator[Line]:
    """Say what is compared, in which units, and which statistic the columns show."""
    threads, precision, engine = rows[0].threads, rows[0].precision, rows[0].native_engine
    native = f"{NATIVE} (PyTorch eager)" if engine == NATIVE_ENGINE else f"{engine}, which stands for native"
    yield paragraph(f"{backend} ({precision}) against {native}, {threads} thread{'s' * (threads != 1)}", "  ", BOLD)
    servers = max((record.process_range.servers for record in rows if record.process_range), default=0)
    if servers:
        kept = any(record.speedup_memory_kept for record in rows)
        memory = "memory kept on both sides" if kept else "memory as by default"
        yield paragraph(
            f"ms and speedup: typical, {memory}, 95% interval; by default: range of {servers} processes "
            "(typical: the geometric mean over processes of the round that is typical of each)",
            "  ",
        )
    if memory_note:
        yield paragraph(f"memory is not kept on either side: {memory_note}", "  ")


def bar_value(record: Record) -> float:
    """Return the speedup that a row's bar shows; 0 where it claims none."""
    speedup = record.ranked_speedup
    return speedup.value if speedup is not None and is_claimed(record) and not record.noise.contended else 0.0


def row_title(record: Record, tests: Mapping[Key, str]) -> str:
    """Return a name that pytest takes where it was started; a test's own id where its case is one of several."""
    test = tests.get((record.case, record.backend))
    if test is None or "::" not in record.case:
        return record.case
    return test if record.case.endswith("]") else test.rpartition("[")[0] or test
