"""What a card did in a call, beside its latency: a line for each case and backend that computed on one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_formfunc.records import Record
from pytest_formfunc.report.lines import BOLD, Line, paragraph
from pytest_formfunc.units import format_bytes, format_ms, format_percent

_COLUMNS = ("", "call", "on card", "kernels", "launching", "back to back", "cold L2", "in", "out", "memory", "MHz")
_UNKNOWN = "-"


def launching_share(record: Record) -> float | None:
    """Return the part of a call's latency in which no kernel ran, but launching and waiting; None if unknown.

    Above a half, a call is bound by launching: a captured graph, or a larger batch, gains more than faster kernels.
    """
    kernels_s = record.on_device.get("kernels_s")
    return None if kernels_s is None else max(0.0, 1 - kernels_s / record.latency_s.median)


def cold_cost(record: Record) -> float | None:
    """Return what a call takes longer with a cold second-level cache, as a part of one with a warm; None if unknown.

    What is fetched again are weights, above all, and inputs.
    """
    cold_s, warm_s = (record.on_device.get(name) for name in ("l2_cold_s", "l2_warm_s"))
    return None if cold_s is None or not warm_s else cold_s / warm_s - 1


def render_cards(records: Sequence[Record]) -> Iterator[Line]:
    """Render a table of the records that a card computed; nothing where there are none."""
    found = [record for record in records if record.on_device]
    if not found:
        return
    for name in dict.fromkeys(describe_card(record) for record in found if record.card):
        yield Line(name, BOLD)
    yield paragraph(
        "ms of a call: by the host's clock (the latency), between events on the card, in kernels; the part that is "
        "launching and waiting; a call of many in a row; what a call takes longer after other data was written through "
        "the card's second-level cache; copying inputs in and outputs out"
    )
    rows = [_COLUMNS, *(_cells(record) for record in found)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    for first, *cells in rows:
        figures = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield Line(f"{first.ljust(widths[0])}  {figures}")
    for reason in dict.fromkeys(record.noise.card_slowed_by for record in found if record.noise.card_slowed_by):
        slowed = sum(record.noise.card_slowed_by == reason for record in found)
        yield paragraph(f"the card's clock was below what was asked for in {slowed} of {len(found)} rows: {reason}")


def describe_card(record: Record) -> str:
    """Return one line about the card of a record."""
    card = record.card
    facts = [str(card.get("name", "a card"))]
    if "multiprocessors" in card:
        facts.append(f"{card['multiprocessors']} multiprocessors")
    if "memory_bytes" in card:
        facts.append(format_bytes(card["memory_bytes"]))
    facts += [f"{words} {card[name]}" for name, words in (("driver", "driver"), ("cuda", "CUDA")) if name in card]
    return ", ".join(facts)


def _cells(record: Record) -> tuple[str, ...]:
    told = record.on_device
    share, cold, clock = launching_share(record), cold_cost(record), record.noise.sm_mhz
    return (
        record.title,
        format_ms(record.latency_s.median),
        *(_ms(told.get(name)) for name in ("latency_s", "kernels_s")),
        _UNKNOWN if share is None else format_percent(round(share, 2)),
        _ms(told.get("back_to_back_s")),
        _UNKNOWN if cold is None else f"{cold:+.0%}",
        *(_ms(told.get(name)) for name in ("copy_in_s", "copy_out_s")),
        format_bytes(told["memory_bytes"]) if "memory_bytes" in told else _UNKNOWN,
        _UNKNOWN if clock is None else f"{clock:.0f}",
    )


def _ms(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else format_ms(seconds)
