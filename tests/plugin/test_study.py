"""What the study claims, beside a run's own figures: printed by bench/, and by nobody else's tests."""

import dataclasses
import math

import pytest
from support.records import record

from pytest_formfunc.plugin.suite.study import claims, factors_of, memory_share, study_lines
from pytest_formfunc.stats import Estimate


def about(value):
    return Estimate(value, 0.99 * value, 1.01 * value)


def networks(exponent, memory=2.0):
    """Six networks of the same MACs whose speedup with memory kept is a power of their operators."""
    for index, name in enumerate(["vgg16", "resnet18", "mobilenet_v2", "ghostnet", "nasnet_a_mobile", "darts"]):
        operators = 20 * 2**index
        kept = operators**exponent
        form = {"kind": "architecture", "name": name}
        cost = {"macs": 10**9, "operators": operators, "products": operators // 2}
        latency = dataclasses.replace(record(0.001).latency_s, median=0.001 * (index + 1))
        yield record(
            0.001, case=name, form=form, cost=cost, latency_s=latency,
            speedup=about(memory * kept), speedup_memory_kept=about(kept),
        )  # fmt: skip


def patterns(**factors):
    """Two cases of each pattern, whose speedup with memory kept and whose memory factor are given by its name."""
    for name, (kept, memory) in factors.items():
        for depth in (2, 8):
            form = {"kind": "pattern", "name": name, "depth": depth, "width": 64}
            yield record(
                0.001, case=f"{name}-d{depth}-w64", form=form,
                speedup=about(kept * memory), speedup_memory_kept=about(kept),
            )  # fmt: skip


SIX = {name: (2.0 + index, 1.5) for index, name in enumerate("abcde")} | {"depthwise_bottleneck": (3.5, 4.0)}


def test_the_hypothesis_is_answered_either_way():
    text = " ".join(study_lines([*networks(0.5)]))
    assert "DARTS, the most: 12x or 13x there; here 50.6x" in text
    assert "by default (number 1 of 6" in text
    assert "25.3x (25.0 to 25.6) with memory kept (number 1 of 6" in text
    assert (
        "MobileNet-V2, the least latency: about 2.4 ms there, 3.00 ms here (number 3 of 6; least: vgg16 1.00 ms)"
        in text
    )
    assert "speedup with memory kept by operators per GMAC, 6 networks: it grows; exponent 0.50 (0.50 to 0.50)" in text
    assert "speedup by default by convolutions and matrix products per GMAC, 6 networks: it grows" in text
    assert "it falls; exponent -0.50" in " ".join(study_lines([*networks(-0.5)]))


def test_claims_of_patterns_stand_beside_both_speedups():
    """The study's processes managed memory by default, and form alone gains what is left with memory kept."""
    text = " ".join(study_lines([*patterns(**SIX)]))
    assert "average of patterns: 3.8x or 4.8x there; here" in text
    assert "5.5x or 6.5x there; here 14.0x by default (number 1 of 6), 3.50x" in text
    assert "with memory kept (number 4 of 6)" in text


def test_few_forms_are_not_compared_with_the_study():
    assert not [*study_lines([*networks(0.5)][:4])]


def test_the_two_factors_of_a_pattern_multiply_to_its_speedup():
    first, *_, last = factors_of([*patterns(**SIX)], "pattern")
    assert (first.name, last.name) == ("e", "a")  # the greatest gain of the form first
    for one in (first, last):
        assert one.kept.value * one.memory == pytest.approx(one.by_default.value)
    assert first.memory == pytest.approx(1.5)


def test_how_much_of_the_mean_is_memory_is_a_share_of_logs():
    factors = factors_of([*patterns(one=(2.0, 2.0), other=(4.0, 2.0))], "pattern")
    assert memory_share(factors) == pytest.approx(math.log(2) / (math.log(2) + math.log(math.sqrt(8))))


def test_what_is_printed_is_at_most_100_columns_wide():
    lines = [*claims([*patterns(**SIX), *networks(0.5)])]
    assert all(len(line) <= 100 for line in lines)
    assert any(line.split()[:1] == ["depthwise_bottleneck"] for line in lines)
    assert any("of the mean in logs" in line for line in lines)


def test_what_claims_no_speedup_is_left_out():
    """Contended rows have neither speedup; where memory cannot be kept there is nothing to divide."""
    bare = [dataclasses.replace(one, speedup=None, speedup_memory_kept=None) for one in patterns(**SIX)]
    assert not [*claims(bare)]
    only_default = [dataclasses.replace(one, speedup_memory_kept=None) for one in patterns(**SIX)]
    text = " ".join(claims(only_default))
    assert "by default" in text
    assert "memory kept" not in text
