"""What is advice: surely faster, whatever was tried beside it; and what layers show that is no work of the network."""

import pytest

from pytest_formfunc.function.advice import ALPHA, Tried, sum_up, symptoms
from pytest_formfunc.report.advice import advice_words
from pytest_formfunc.stats import Estimate


def tried(lint, value, half, *, backend="openvino", exact=True, contended=""):
    """Return a trial whose interval grows with its level as a normal one does, roughly."""

    def gain(level):
        wider = half * (1.5 if level > 0.95 else 1)
        return Estimate(value, value - wider, value + wider, level, 8)

    return Tried(lint, backend, f"{lint} changed", exact, contended, gain)


def test_only_what_is_surely_faster_is_advice():
    found = sum_up(
        "openvino",
        [tried("one", 1.2, 0.1), tried("two", 1.1, 0.2), tried("three", 0.8, 0.1), tried("four", 1.5, 0.1, exact=False),
         tried("five", 3.0, 0.1, contended="others work"), tried("six", 9.0, 0.1, backend="native")],
        {"seven": "it does not export"}, {},
    )  # fmt: skip
    assert [one["lint"] for one in found["gained"]] == ["four", "one"]
    assert [one["lint"] for one in found["not_gained"]] == ["two", "three"]
    assert [one["lint"] for one in found["contended"]] == ["five"]
    words = [*advice_words(found)]
    assert words[0].startswith("1.50x (1.35 to 1.65) faster with four changed; it computes something else then")
    assert "trained anew" not in words[1]
    assert words[2:] == [
        "2 of 4 changes that were built and timed are not surely faster",
        "1 more were timed beside other work, which says nothing",
        "seven was not tried: it does not export",
    ]


def test_the_more_is_tried_the_surer_a_gain_has_to_be():
    """All trials of a case have one chance of a false gain together, those of its other backends too."""
    alone = sum_up("openvino", [tried("one", 1.12, 0.1)], {}, {})
    among = sum_up("openvino", [tried("one", 1.12, 0.1), tried("two", 1, 0.1, backend="native")], {}, {})
    assert (len(alone["gained"]), len(among["gained"])) == (1, 0)
    assert among["not_gained"][0]["gain"]["level"] == 1 - ALPHA / 2


@pytest.mark.parametrize(("trials", "words"), [
    ([tried("one", 1.0, 0.1)], "nothing to gain here: none of 1 changes that were built and timed is surely faster"),
    ([], "nothing was tried that says anything"),
])  # fmt: skip
def test_nothing_to_gain_is_an_answer(trials, words):
    assert [*advice_words(sum_up("openvino", trials, {}, {}))] == [words]


def layer(seconds, kernel, operators=("conv",)):
    return {"seconds": {"value": seconds}, "kernels": [kernel], "operators": list(operators), "steps": ["a step"]}


def test_symptoms_are_named_where_they_take_a_share_of_the_call():
    layers = {"call_s": {"value": 1.0}, "layers": [
        layer(0.5, "brgconv_avx512"), layer(0.1, "Reorder", ()), layer(0.04, "ref_any_f32"), layer(0.3, "jit_gemm"),
    ]}  # fmt: skip
    found = [*symptoms(layers)]
    assert [(one["lint"], round(one["share"], 3)) for one in found] == [("reorder", 0.1), ("reference-kernel", 0.04)]
    layers["layers"][1:3] = [layer(0.01, "Reorder", ()), layer(0.01, "ref_any_f32")]
    assert [*symptoms(layers)] == []
    assert [*symptoms({})] == []
    words = [
        *advice_words(sum_up("openvino", [], {}, {"call_s": {"value": 1.0}, "layers": [layer(0.1, "Reorder", ())]}))
    ]
    assert words[0].startswith("1 steps put in by the engine, such as reorders and conversions take 10% of a call")
