"""What a study of depth and width says of made-up data, where it must say something and where it must not."""

import math

import numpy as np
import pytest

from pytest_formfunc.function.scaling import (
    ACCELERATED,
    ALL,
    EFFICACY,
    FLOPS,
    INTENSITY,
    NATIVE,
    OWN_EFFICACY,
    SPEEDUP,
    Point,
    conclude,
    study,
)

PATTERNS = [f"p{number}" for number in range(12)]
DEPTHS, WIDTHS = (2, 8, 32), (16, 64, 256)


def made_up(native, accelerated, efficacy=lambda depth, width, some: some, noise=0.05, seed=0):
    """Return the points of twelve patterns whose latencies are functions of FLOPs, depth, width and efficacy."""
    generator = np.random.default_rng(seed)
    points = []
    for pattern in PATTERNS:
        own = generator.uniform(0.5, 2)
        for depth in DEPTHS:
            for width in WIDTHS:
                flops = own * depth * width**2
                served = efficacy(depth, width, generator.uniform(0, 1))
                latencies = [
                    side(flops, depth, width, served) * math.exp(generator.normal(0, noise))
                    for side in (native, accelerated)
                ]
                points.append(Point(pattern, depth, width, {
                    FLOPS: flops, NATIVE: latencies[0], ACCELERATED: latencies[1], SPEEDUP: latencies[0] / latencies[1],
                    EFFICACY: served, OWN_EFFICACY: served, INTENSITY: generator.uniform(1, 100),
                }))  # fmt: skip
    return points


def by_flops(flops, depth, width, served):
    return flops


def said(points):
    return "\n".join(conclude(study(points)))


def test_latency_in_proportion_to_flops():
    text = said(made_up(by_flops, by_flops))
    assert "FLOPs order native latency well" in text
    assert "FLOPs order accelerated latency well" in text
    for wrong in ("roughly", "gain", "the speedup", "slower", "faster", "at equal FLOPs"):
        assert wrong not in text


def test_latency_without_flops():
    text = said(made_up(lambda *_: 1.0, lambda *_: 1.0, noise=1.0))
    assert "well" not in text
    assert "the speedup" not in text


def test_wide_forms_that_gain_less():
    """Native's fixed cost of each block is spread over more work as width grows."""
    points = made_up(lambda flops, depth, width, _: depth * width, by_flops)
    text = said(points)
    assert "native latency grows slower with width than FLOPs do: exponent 1.0" in text
    assert "the speedup falls with width: times 0.5" in text
    assert "the speedup falls with width for p0, p1" in text
    assert "with depth" not in text
    found = study(points)
    width = found.exponents_of(SPEEDUP).width
    assert width.low < -1 < width.high
    assert found.exponents_of(SPEEDUP, "p3").depth.low < 0 < found.exponents_of(SPEEDUP, "p3").depth.high


def test_deep_forms_that_gain_more():
    text = said(made_up(lambda flops, depth, width, _: flops * depth**0.4, by_flops))
    assert "the speedup grows with depth: times 1.3" in text
    assert "native latency grows faster with depth than FLOPs do" in text


def test_efficacy_that_saves_native_time():
    """At equal FLOPs; and it does not for the other side."""
    text = said(made_up(lambda flops, _, __, served: flops * (1.5 - served), by_flops))
    assert "at equal FLOPs, forms of higher native cache efficacy (model) have less native latency" in text
    assert "at equal FLOPs, forms of higher native cache efficacy (model) gain less" in text
    assert "accelerated latency: partial" not in text


def test_efficacy_that_falls_with_flops_alone_explains_nothing_beyond_them():
    text = said(made_up(by_flops, by_flops, lambda depth, width, some: 1 - math.log(depth * width**2) / 20 + some / 9))
    assert "native cache efficacy (model) falls with FLOPs" in text
    assert "at equal FLOPs, forms of higher" not in text


@pytest.mark.simulation
def test_false_sentences_are_rare_where_nothing_holds():
    """Of each kind of sentence that an interval of 95% gives, about 5% are due; both correlations have to agree."""
    runs = 60
    false = [said(made_up(by_flops, by_flops, noise=0.3, seed=seed)) for seed in range(runs)]
    for words in ("forms of more FLOPs gain", "have less native", "have more native", "the speedup falls with width:"):
        assert sum(words in text for text in false) <= 9, words


def test_what_is_not_known_is_named():
    points = [Point(one.pattern, one.depth, one.width, {**one.values, EFFICACY: 1.0}) for one in
              made_up(by_flops, by_flops)]  # fmt: skip
    found = study(points)
    assert found.association(EFFICACY, NATIVE, FLOPS).why_not == "a quantity that does not vary has no correlation"
    few = study(points[:3])
    assert "at least" in few.association(FLOPS, NATIVE, scope="p0").why_not
    assert few.association(FLOPS, NATIVE, scope=ALL) is None
    assert few.exponents_of(NATIVE, "p0").why_not
    assert conclude(few) == []
    assert conclude(study([])) == []
