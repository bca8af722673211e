import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import (
    format_claim,
    format_estimate,
    format_ms,
    format_percent,
    format_ratio,
    parse_fraction,
    parse_positive_int,
    parse_seconds,
    parse_shape,
)


@pytest.mark.parametrize(("text", "value"), [("10%", 0.1), ("2.5 %", 0.025), ("0.07", 0.07), (0.2, 0.2)])
def test_fractions_are_read_with_or_without_percent_sign(text, value):
    """A percentage and its fraction give the same threshold."""
    assert parse_fraction(text, what="threshold") == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "ten", "10%%", "-5%", "0", "0%", "100%", "250%", "nan", "1e400"])
def test_fractions_out_of_range_are_refused_in_one_sentence(text):
    """The message names the option and says what to write."""
    with pytest.raises(BadInput, match=r"^threshold .*percentage between") as caught:
        parse_fraction(text, what="threshold")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20), ("500ms", 0.5), ("2min", 120), ("2m", 120), ("1.5", 1.5)])
def test_durations_are_read_in_their_units(text, seconds):
    """Minutes, seconds and milliseconds come out in seconds."""
    assert parse_seconds(text, what="budget") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1s", "5h", "s", "1s2", "inf", "nan", "9" * 400, f"{'9' * 308}min"])
def test_invalid_durations_are_refused(text):
    """Zero, negative durations, unknown units and what no float holds are refused."""
    with pytest.raises(BadInput, match="budget"):
        parse_seconds(text, what="budget")


@pytest.mark.parametrize("text", ["0", "-1", "2.5", "x", ""])
def test_counts_are_whole_and_positive(text):
    """Zero, negative numbers, fractions and words are refused."""
    with pytest.raises(BadInput, match=r"depth .* at least 1"):
        parse_positive_int(text, what="depth")


@pytest.mark.parametrize("text", ["", "x", "1x", "1x3xx4", "1x0x3", "1x-3", "1,3,4", "axb"])
def test_malformed_shapes_are_refused(text):
    """The message shows a valid shape."""
    with pytest.raises(BadInput, match="like 1x3x224x224"):
        parse_shape(text)


def test_shape_is_read():
    """Sizes are joined by x."""
    assert parse_shape("2x3x40x56") == (2, 3, 40, 56)


def test_numbers_are_written_with_three_figures():
    """Small and large figures keep three significant digits."""
    assert [format_ratio(value) for value in (0.5, 3.814, 12.34, 123.4)] == [
        "0.50x",
        "3.81x",
        "12.3x",
        "123x",
    ]
    assert [format_ms(value) for value in (0.0001234, 0.00999, 0.0123, 0.123)] == [
        "0.123",
        "9.99",
        "12.3",
        "123",
    ]
    assert [format_percent(value) for value in (0.1, 0.025, 0.125)] == ["10%", "2.5%", "12.5%"]


def test_open_interval_is_written_as_unknown():
    """An upper end that is not known is a question mark, not infinity."""
    assert format_estimate(Estimate(2.0, 0.0, float("inf"))) == "2.00x (0.00 to ?)"
    assert format_claim(Estimate(2.0, 0.0, float("inf"))) == "-"
    assert format_claim(Estimate(2.0, 1.9, 2.1)) == "2.00x (1.90 to 2.10)"
