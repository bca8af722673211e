"""What the study claims, beside a run's own figures: printed by bench/, and by nobody else's tests."""

import dataclasses

from study import study_lines
from support.records import record

from pytest_formfunc.stats import Estimate


def networks(exponent):
    """Six networks of the same MACs whose speedup is a power of their operators."""
    for index, name in enumerate(["vgg16", "resnet18", "mobilenet_v2", "ghostnet", "nasnet_a_mobile", "darts"]):
        operators = 20 * 2**index
        speedup = Estimate(operators**exponent, 0.99 * operators**exponent, 1.01 * operators**exponent)
        form = {"kind": "architecture", "name": name}
        cost = {"macs": 10**9, "operators": operators, "products": operators // 2}
        latency = dataclasses.replace(record(0.001).latency_s, median=0.001 * (index + 1))
        yield record(0.001, form=form, cost=cost, latency_s=latency), speedup


def test_the_hypothesis_is_answered_either_way():
    text = " ".join(study_lines([*networks(0.5)]))
    assert "DARTS, the most: 12x or 13x there, 25.3x" in text
    assert "(number 1 of 6" in text
    assert (
        "MobileNet-V2, the least latency: about 2.4 ms there, 3.00 ms here (number 3 of 6; least: vgg16 1.00 ms)"
        in text
    )
    assert "speedup by operators per GMAC, 6 networks: it grows; exponent 0.50 (0.50 to 0.50)" in text
    assert "it falls; exponent -0.50" in " ".join(study_lines([*networks(-0.5)]))


def test_few_forms_are_not_compared_with_the_study():
    assert not [*study_lines([*networks(0.5)][:4])]
