"""Every engine on three patterns: it takes the network or says why it cannot, and its output matches native's.

bench/test_conformance.py does this for all patterns and takes minutes.
"""

import pytest
from support.conformance import NAMES, Preparer, run_once, smallest_case, unavailable

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.workers import WorkerServer

pytestmark = pytest.mark.engine
PATTERNS = ("plain", "channel_shuffle", "attention")
COMPILED = {"inductor", "inductor-cuda"}  # ten seconds of a C++ compiler for each pattern: one is enough here


@pytest.fixture(scope="module")
def server():
    one = WorkerServer(timeout_s=240, threads=1)
    yield one
    one.close()


@pytest.fixture(scope="module")
def reasons(server):
    """Return why engines are not available here."""
    return unavailable(server)


@pytest.fixture(scope="module")
def outcomes(server, reasons, tmp_path_factory, artifact_cache):
    """Return a function that gives a pattern's measurement, made once for all engines together."""
    scratch = tmp_path_factory.mktemp("conformance")
    preparer = Preparer(server, artifact_cache)
    known = {}

    def outcome(pattern):
        if pattern not in known:
            names = tuple(name for name in NAMES if name not in reasons and is_tried(name, pattern))
            case = smallest_case(pattern)
            prepared = preparer.prepare(case, names)
            known[pattern] = prepared, run_once(server, case, prepared, scratch)
        return known[pattern]

    return outcome


def is_tried(name, pattern):
    return name not in COMPILED or pattern == "plain"


@pytest.mark.parametrize(
    ("name", "pattern"), [(name, pattern) for name in NAMES for pattern in PATTERNS if is_tried(name, pattern)]
)
def test_engine_runs_pattern(name, pattern, reasons, outcomes):
    """Its output, computed in a worker as in a measurement, is within its precision's tolerance of native's."""
    if name in reasons:
        pytest.skip(reasons[name])
    prepared, result = outcomes(pattern)
    if name in prepared.refused:
        assert not prepared.refused[name].startswith("its converter fails"), prepared.refused[name]
        pytest.skip(f"declared unsupported: {prepared.refused[name]}")
    participant = Participant(name)
    assert participant not in result.failures, result.failures[participant]
    ready = result.series[participant].ready
    assert result.series[participant].parity.ok
    assert ready.precision == backend_entry(name).precision
    if name.startswith("openvino@"):
        assert ready.device == "CPU"  # what AUTO and HETERO:CPU chose
    if name == "openvino-int8":
        accuracy = prepared.facts[name]["accuracy"]
        assert accuracy["sqnr_db"] > 10
        assert 0.5 <= accuracy["top1_agreement"] <= 1
