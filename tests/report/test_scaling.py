"""The study as text, from records that are made up: rows, what claims nothing, what files may lack."""

from dataclasses import replace

import pytest
from support.records import native_record, record

from pytest_formfunc.function.scaling import EFFICACY, FLOPS, INTENSITY, NATIVE, OWN_EFFICACY, SPEEDUP
from pytest_formfunc.report.scaling import points_of, render_study, seen

DEPTHS, WIDTHS = (2, 8, 32), (16, 64, 256)


def observed(efficacy, share):
    return {
        "reuse": {"efficacy": efficacy, "touched_bytes": 5_000_000},
        "roof": {"share_of_roof": {"value": share, "low": share, "high": share}},
        "cache": {"efficacy": {"value": 0.4, "low": 0.1, "high": 0.7, "level": 0.95, "n": 3}},
    }


def both(pattern="plain", depth=2, width=16, native_s=0.010, own_s=0.002, efficacy=0.9, **changes):
    """Return the records of both sides of a point."""
    form = {"kind": "pattern", "name": pattern, "depth": depth, "width": width}
    of_both = {
        "case": f"{pattern}-d{depth}-w{width}",
        "form": form,
        "cost": {"macs": depth * width**2 * 100_000},
        **changes,
    }
    return [
        native_record(native_s, observations=observed(efficacy, 0.1), **of_both),
        record(own_s, native_s, observations=observed(1.0, 0.6), **of_both),
    ]


@pytest.fixture
def study():
    """Native takes a time of its own for each block; the engine's time goes with the work."""
    return [
        one
        for pattern in ("plain", "fire")
        for depth in DEPTHS
        for width in WIDTHS
        for one in both(pattern, depth, width, 1e-4 * depth * (1 + width / 64), 1e-8 * depth * width**2)
    ]


def test_points_have_both_sides_figures(study):
    points = points_of(study, "openvino")
    assert len(points) == 18
    one = points[0]
    assert (one.pattern, one.depth, one.width) == ("plain", 2, 16)
    assert one.values[FLOPS] == 2 * 2 * 16**2 * 100_000
    assert one.values[NATIVE] == pytest.approx(1e-4 * 2 * 1.25, rel=0.1)
    assert one.values[SPEEDUP] == pytest.approx(one.values[NATIVE] / (1e-8 * 2 * 256), rel=0.1)
    assert (one.values[EFFICACY], one.values[OWN_EFFICACY], one.values[INTENSITY]) == (0.9, 1.0, 20.48)


def test_what_claims_nothing_or_is_no_pattern_is_no_point(study):
    native, own = both()
    contended = replace(own, speedup=None, typical_s=None)
    model = [replace(one, form={"kind": "model", "name": "net"}) for one in both()]
    assert points_of([native, contended, *model], "openvino") == []
    assert points_of(study, "onnxruntime") == []
    bare = replace(contended, native_samples=None, native_kept_samples=None)
    assert points_of([native, bare], "openvino", disturbed=True) == []
    text = "\n".join(render_study([native, bare], "openvino"))
    assert "contended" in text
    assert "nothing that is sure" in text


def test_what_was_disturbed_takes_part_by_its_fastest_rounds_and_is_marked(study):
    """It claims nothing by itself; a latency that is half as long again is little beside a factor of a thousand."""
    disturbed = [
        one if one.native else replace(one, speedup=None, typical_s=None, native_samples=native.samples)
        for native, one in zip([study[0], *study], study, strict=False)
    ]
    points = points_of(disturbed, "openvino", disturbed=True)
    assert (len(points), {one.disturbed for one in points}) == (18, {True})
    assert {one.disturbed for one in points_of(study, "openvino", disturbed=True)} == {False}
    for one, other in zip(points, points_of(study, "openvino"), strict=True):
        assert one.values[NATIVE] == pytest.approx(other.values[NATIVE], rel=0.1)
        assert one.values[SPEEDUP] == pytest.approx(other.values[SPEEDUP], rel=0.1)
    text = "\n".join(render_study(disturbed, "openvino"))
    assert "~ 18 of 18 points were measured while other work disturbed the machine" in text
    (row,) = [line for line in text.splitlines() if line.split()[:3] == ["plain", "2", "16"]]
    assert row.count("~") == 3


def test_study_as_text(study):
    text = "\n".join(render_study(study, "openvino"))
    rows = [line for line in text.splitlines() if line.startswith("plain  ")]
    assert len(rows) == 9
    assert rows[0].split()[:8] == ["plain", "2", "16", "51.2", "5", "MB", "20.5", "0.90/1.00"]
    assert "0.10/0.60" in rows[0]
    assert "FLOPs and native latency" in text
    assert "a further block at width 64: native 0.2" in text
    assert "an interval over groups needs at least 5 of them" in text  # two patterns are too few to say more


def test_a_file_may_lack_what_was_observed_or_have_it_damaged():
    native, own = both()
    for damaged in ({}, {"reuse": {"efficacy": "x"}}, {"reuse": 3}, {"reuse": {"touched_bytes": float("nan")}}):
        records = [replace(one, observations=damaged) for one in (native, own)]
        (point,) = points_of(records, "openvino")
        assert EFFICACY not in point.values
        assert INTENSITY not in point.values
        assert "0.1" in "\n".join(render_study(records, "openvino"))
    assert seen(native, "cache", "efficacy") == 0.4
    assert seen(native, "cache", "none") is None
