"""The factors of a speedup: latencies that are known; and on the real engines, that the backends between compute alike."""

import math

import pytest
from support.records import record

from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Disturbance, Round
from pytest_formfunc.measure.series import Measurement, Series
from pytest_formfunc.measure.waterfall import waterfall
from pytest_formfunc.records import Record
from pytest_formfunc.report.why import waterfall_words

NATIVE, OPENVINO = Participant("native"), Participant("openvino")
SCRIPT, NHWC, INT8 = (Participant(name) for name in ("native-script", "native-script-nhwc", "openvino-int8"))
LATENCIES = {NATIVE: 12.0, NATIVE.kept: 8.0, SCRIPT: 9.0, SCRIPT.kept: 6.0, NHWC.kept: 5.0, OPENVINO: 2.0, INT8: 1.0}


def measurement(latencies):
    """Return four launches, each slower than the one before, of participants with these latencies."""
    found = Measurement(
        kept={one.native if one.is_native else one: one.kept if one.kept in latencies else one for one in
              {Participant(one.backend) for one in latencies}},
        servers={number: number for number in range(4)},
    )  # fmt: skip
    for one, seconds in latencies.items():
        series = found.series[one] = Series(one)
        for number in range(4):
            turn = Round((seconds * (1 + number),), Disturbance(0.0, 0, 0, 0.0, 1.0))
            series.launches.append([turn] * 3)
            series.numbers.append(number)
    return found


def factors(latencies, participant=OPENVINO):
    return {one.name: one.ratio.value for one in waterfall(measurement(latencies), participant)}


def test_each_step_is_a_factor_and_their_product_is_the_speedup():
    found = factors(LATENCIES)
    assert found == pytest.approx({
        "memory management": 1.5, "dispatch from Python": 8 / 6, "layout": 6 / 5, "compilation and fusion": 2.5,
    })  # fmt: skip
    assert math.prod(found.values()) == pytest.approx(12 / 2)


def test_an_engine_of_less_precision_has_one_factor_more():
    found = factors(LATENCIES, INT8)
    assert [*found][-2:] == ["compilation and fusion", "precision"]
    assert found["precision"] == pytest.approx(2.0)


def test_what_was_not_measured_is_in_the_next_factor():
    """The float32 form of an engine, and one of the backends between."""
    less = {one: seconds for one, seconds in LATENCIES.items() if one not in (OPENVINO, NHWC.kept)}
    found = factors(less, INT8)
    assert [*found] == ["memory management", "dispatch from Python", "layout, compilation and fusion, precision"]
    assert math.prod(found.values()) == pytest.approx(12.0)


def test_without_the_backends_between_there_is_no_waterfall():
    assert factors({one: LATENCIES[one] for one in (NATIVE, NATIVE.kept, OPENVINO)}) == {}
    assert factors(LATENCIES, SCRIPT) == factors(LATENCIES, NATIVE) == {}


def test_it_is_in_the_record_and_in_words():
    made_of = waterfall(measurement(LATENCIES), OPENVINO)
    one = record(0.002, 0.012, waterfall=made_of)
    again = Record.from_json(one.to_json())
    assert again.waterfall == made_of
    assert waterfall_words(again).startswith("openvino: 6.00x = memory management 1.50x (")
    assert waterfall_words(record(0.002, 0.012)) == ""


@pytest.mark.engine
def test_the_backends_between_compute_what_native_does(bench):
    """Their rows have parity; the engine's has the factors, in the report too."""
    outcome = bench.measure(
        "--formfunc-patterns=residual", "--formfunc-depths=2", "--formfunc-widths=16", "--formfunc-waterfall",
        "--benchmark-json=out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    records = {backend: one for (_, backend), one in bench.records("out.json").items()}
    assert {*records} == {"native", "native-script", "native-script-nhwc", "openvino"}
    for backend in ("native-script", "native-script-nhwc"):
        assert (records[backend]["parity"]["sqnr_db"] or math.inf) > 100  # infinite where they are equal
    names = [one["name"] for one in records["openvino"]["waterfall"]]
    assert names == ["memory management", "dispatch from Python", "layout", "compilation and fusion"]
    assert " = memory management " in " ".join(outcome.text.split())


@pytest.mark.engine
def test_a_trace_takes_no_named_arguments(project):
    """The other engines go on, and what it would have told is in the next factor."""
    project.write(
        "test_it.py",
        "import torch\n\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x, *, scale):\n"
        "        return torch.relu(x) * scale\n\n"
        "def test_it(formfunc, formfunc_backend):\n"
        "    formfunc(Net(), torch.randn(1, 8), kwargs={'scale': torch.ones(8)})\n",
    )
    outcome = project.measure("--formfunc-waterfall", "--junitxml=junit.xml", "--benchmark-json=out.json")
    failures = project.failures()
    assert len(failures) == 2
    assert all("a trace takes positional arguments only" in said for said in failures.values()), outcome.text
    assert ("test_it.py::test_it", "openvino") in project.records("out.json")
