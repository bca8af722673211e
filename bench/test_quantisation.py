"""The effect of the two changes to NNCF's defaults: SQNR of every pattern, quantised with each, both and neither.

Patterns have their smallest size and are compared with native on held-out inputs. Run it by
`pytest bench/test_quantisation.py`; it takes some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import pytest
from support.conformance import smallest_case

from pytest_formfunc.backends import openvino_int8
from pytest_formfunc.forms.patterns import pattern_names


def test_quantisation_parameters(tmp_path, monkeypatch, capsys):
    """With the settings used on this processor, the median SQNR is at least that with NNCF's defaults."""
    pytest.importorskip("nncf")
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    whole_range = {"activations_range_estimator_params": RangeEstimatorParametersSet.MINMAX}
    half_weights = {"overflow_fix": OverflowFix.ENABLE}
    variants = {
        "defaults": AdvancedQuantizationParameters(),
        "whole range": AdvancedQuantizationParameters(**whole_range),
        "half weights": AdvancedQuantizationParameters(**half_weights),
        "both": AdvancedQuantizationParameters(**whole_range, **half_weights),
    }
    found: dict[str, dict[str, float]] = {name: {} for name in variants}
    for pattern in pattern_names():
        network = smallest_case(pattern).source.build()
        for name, parameters in variants.items():
            monkeypatch.setattr(openvino_int8, "advanced_parameters", lambda parameters=parameters: parameters)
            facts = openvino_int8.OpenVinoInt8Engine.prepare(network, tmp_path / f"{pattern}-{name}.xml")
            found[name][pattern] = facts["accuracy"]["sqnr_db"]
    used = "both" if openvino_int8.saturates() else "whole range"
    with capsys.disabled():
        print(f"\nquantisation: SQNR in dB; this processor gets: {used}")
        print(f"quantisation: {'pattern':30}" + "".join(f"{name:>14}" for name in variants))
        for pattern in pattern_names():
            print(f"quantisation: {pattern:30}" + "".join(f"{found[name][pattern]:14.1f}" for name in variants))
        for title, summed in (("median", median), ("least", min)):
            print(f"quantisation: {title:30}" + "".join(f"{summed(found[name].values()):14.1f}" for name in variants))
    assert median(found[used].values()) >= median(found["defaults"].values())
