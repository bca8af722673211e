"""Settings from raw texts; tests/plugin/test_options.py has what is refused."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.option_specs import FAIL_ON, OPTIONS
from pytest_formfunc.plugin.collection import _with_native_of_tests
from pytest_formfunc.settings import read_settings

DEFAULTS = {spec.key: spec.default for spec in OPTIONS}


def settings(**raw):
    return read_settings({**DEFAULTS, **raw}, root=Path("/root-of-project"), in_ci=False)


@pytest.mark.parametrize(
    ("given", "backends", "native"),
    [
        ({}, {"native", "cudagraphs", "tensorrt"}, "native-cuda"),  # by markers: the option's default is openvino
        ({}, {"native"}, "native"),
        ({"backends": "cudagraphs"}, {"native", "cudagraphs", "openvino"}, "native"),
        ({"backends": "cudagraphs"}, {"native"}, "native-cuda"),
        ({"native": "native"}, {"native", "cudagraphs"}, "native"),
        ({}, {"native", "native-cuda", "cudagraphs"}, "native"),
    ],
)
def test_native_is_that_of_the_backends_that_tests_have(given, backends, native):
    """Markers may name others than the option does; what somebody has said stands."""
    plans = [SimpleNamespace(backend=name) for name in sorted(backends)]
    assert _with_native_of_tests(settings(**given), plans).native == native


@pytest.mark.parametrize("kinds", [[kind] for kind in FAIL_ON] + [["loss", "no-gain"]])
def test_every_kind_of_verdict_can_be_what_fails(kinds):
    """The option takes each of them, and several."""
    assert settings(fail_on=",".join(kinds)).fail_on == tuple(kinds)


def test_how_a_speedup_is_made_is_told_on_the_processor_alone():
    """What lies between native and the engine is PyTorch on the processor too."""
    assert settings(waterfall="1").native == "native"
    with pytest.raises(BadInput, match=r"--formfunc-waterfall .* leave out --formfunc-native native-cuda$"):
        settings(waterfall="1", native="native-cuda")


def test_defaults_are_the_documented_ones():
    """Sixteen patterns at depths 2 and 8, on OpenVINO, and units converted."""
    default = settings()
    assert (len(default.patterns), default.depths, default.widths) == (16, (2, 8), (64,))
    assert (default.backends, default.native, default.best) == (("openvino",), "native", False)
    assert (default.threshold, default.precision, default.budget_s, default.escalation_s) == (0.1, 0.04, 7.0, 45.0)
    assert default.servers == 12
    assert len(default.cases()) == 32


@pytest.mark.parametrize(
    ("raw", "native"),
    [
        ({"backends": "cudagraphs,tensorrt"}, "native-cuda"),
        ({"backends": "cudagraphs,openvino"}, "native"),
        ({"backends": "native-cuda,cudagraphs"}, "native"),  # both in one table
        ({"backends": "cudagraphs", "native": "native"}, "native"),
        ({"backends": "openvino", "native": " native-cuda "}, "native-cuda"),
        ({"backends": "best"}, "native"),
    ],
)
def test_speedups_are_over_pytorch_where_the_engines_compute(raw, native):
    """Unless it is named: on the card where all of them are on it."""
    assert settings(**raw).native == native


def test_relative_folders_are_in_the_projects_root():
    """Wherever pytest was started."""
    assert settings().cache_dir == Path("/root-of-project/.formfunc_cache")


def test_another_environment_is_compared_with_the_last_commit():
    """Unless a revision is named too."""
    assert settings(against_env="venv").against == "HEAD"
    assert settings(against_env="venv", against="v1").against == "v1"


def test_architectures_of_a_marker_are_narrowed_by_the_option():
    """The option chooses among them; without it all are measured."""
    both = ("squeezenet1_1", "darts")
    assert settings().for_architectures(both).architectures == both
    assert settings(architectures="darts,vgg16").for_architectures(both).architectures == ("darts",)
