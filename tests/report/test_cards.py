"""What a card did in a call: the table, and what it says of launching."""

from dataclasses import replace

import pytest
from support.records import record

from pytest_formfunc.records import Record
from pytest_formfunc.report.cards import launching_share, render_cards

CARD = {"name": "NVIDIA H100", "multiprocessors": 132, "memory_bytes": 80e9, "driver": "580.82", "cuda": "13.0"}
TOLD = {
    "latency_s": 0.0009, "kernels_s": 0.00025, "back_to_back_s": 0.0008, "copy_in_s": 0.0002, "copy_out_s": 0.0001,
    "memory_bytes": 24e6, "l2_cold_s": 0.00112, "l2_warm_s": 0.001,
}  # fmt: skip


def on_card(**changes):
    made = record(0.001, backend="cudagraphs", device="NVIDIA H100", card=CARD, on_device=TOLD, **changes)
    return replace(made, noise=replace(made.noise, sm_mhz=1980.0, sm_mhz_low=1800.0, power_w=300.0))


def test_a_row_tells_what_the_latency_is_made_of():
    """Kernels run in a quarter of a call of 1 ms."""
    assert launching_share(on_card()) == pytest.approx(0.75)
    title, _, header, row = [line.text for line in render_cards([record(0.001), on_card()])]
    assert title == "NVIDIA H100, 132 multiprocessors, 80000 MB, driver 580.82, CUDA 13.0"
    assert header.split()[-3:] == ["out", "memory", "MHz"]
    figures = "1.00 0.900 0.250 75% 0.800 +12% 0.200 0.100 24 MB 1980"
    assert row.split() == ["residual-d8-w64", "on", "cudagraphs", *figures.split()]


def test_what_is_unknown_is_a_dash():
    """CUPTI may be missing, and NVML too."""
    bare = record(0.001, backend="cudagraphs", on_device={"latency_s": 0.0009})
    assert launching_share(bare) is None
    assert [line.text for line in render_cards([bare])][-1].split()[3:] == ["1.00", "0.900", *["-"] * 8]


def test_a_slowed_card_is_said():
    hot = on_card()
    hot = replace(hot, noise=replace(hot.noise, card_slowed_by="heat, by the driver"))
    assert [*render_cards([hot, on_card()])][-1].text.endswith("in 1 of 2 rows: heat, by the driver")


def test_nothing_is_said_of_processors():
    assert [*render_cards([record(0.001)])] == []


def test_a_record_is_read_as_it_was_written():
    one = on_card()
    again = Record.from_json(one.to_json())
    assert (again.card, again.on_device, again.noise) == (one.card, one.on_device, one.noise)
