"""What a user sees with real engines: rows, records, baselines, verdicts, faults."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
from support.project import Project, calm, make_bench, speed_up

pytestmark = pytest.mark.engine

PLAIN = ["--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8"]
CASE = "pointwise-d1-w8-1x3x32x32"


@pytest.fixture(scope="module")
def saved(tmp_path_factory, artifact_cache):
    """A saved run, for all tests that compare with it."""
    one = make_bench(Project(tmp_path_factory.mktemp("saved"), artifact_cache))
    args = ["--formfunc-patterns", "pointwise,attention", "--formfunc-depths", "1", "--formfunc-widths", "32"]
    outcome = one.measure(
        *args, "--benchmark-autosave", "--benchmark-json", "out.json", "--formfunc-report", "out.html",
        "--formfunc-report", "new/out.comment.md", "--junitxml=junit.xml", "--benchmark-sort=name", fresh=True,
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    one.args = args
    one.outcome = outcome
    return one


def again(saved, tmp_path, *args, change=lambda document: None, **kwargs):
    """Run again in a new folder with the saved baseline, whose scatter is reduced and which ``change`` alters."""
    one = make_bench(Project(tmp_path, saved.cache))
    source = saved.saved()[0]
    document = calm(json.loads(source.read_text()))
    change(document)
    one.write(str(source.relative_to(saved.folder)), json.dumps(document))
    return one, one.measure(*args, "--benchmark-compare", **kwargs)


def test_there_is_a_row_for_each_case_and_backend(saved):
    """pytest-benchmark's table groups native and accelerated rows by case."""
    text = saved.outcome.text
    assert "benchmark 'pointwise-d1-w32-1x3x32x32': 2 tests" in text
    assert "test_form[attention-d1-w32-1x3x32x32-native]" in text
    assert "test_form[attention-d1-w32-1x3x32x32-openvino]" in text
    assert "4 passed" in text


CONTRACT = {
    "schema": int, "case": str, "form": dict, "input_shape": list, "batch": int, "seed": int, "backend": str,
    "native": bool, "precision": str, "device": str, "threads": int, "launches": int, "rounds": int,
    "iterations": int, "latency_s": dict, "compile_s": float, "first_call_s": float, "peak_rss_bytes": int,
    "cost": dict, "noise": dict, "samples": list,
}  # fmt: skip


@pytest.mark.parametrize("backend", ["native", "openvino"])
@pytest.mark.parametrize("kept_data", [True, False], ids=["json", "autosave"])
def test_every_name_of_the_contract_is_written(saved, backend, kept_data):
    """This holds without --benchmark-save-data too, and the figures are consistent."""
    path = "out.json" if kept_data else saved.saved()[0]
    record = saved.records(path)["attention-d1-w32-1x3x32x32", backend]
    for name, kind in CONTRACT.items():
        assert isinstance(record[name], kind), name
    assert record["schema"] == 1
    assert record["form"] == {"kind": "pattern", "name": "attention", "depth": 1, "width": 32}
    assert record["input_shape"] == [1, 3, 32, 32]
    assert record["native"] == (backend == "native")
    assert record["launches"] == len(record["samples"])
    assert record["rounds"] == sum(len(launch) for launch in record["samples"])
    assert record["iterations"] >= record["rounds"]
    assert record["cost"]["flops"] == 2 * record["cost"]["macs"] > 0
    latency = record["latency_s"]
    assert (
        0 < latency["min"] <= latency["p10"] <= latency["median"] <= latency["p90"] <= latency["p95"] <= latency["p99"]
    )
    assert ("speedup" in record) == ("parity" in record) == ("graph" in record) == (backend != "native")
    if backend == "openvino":
        assert record["speedup"]["low"] <= record["speedup"]["value"] <= record["speedup"]["high"]
        assert record["parity"]["ok"] is True
        assert record["parity"]["output_std"] > 0.01
        assert sum(record["graph"]["kernels"].values()) > 3
    assert "verdict" not in record


def test_the_saved_statistics_are_those_of_the_samples(saved):
    """pytest-benchmark tabulates exactly the measured rounds, and a row has one median, to the last digit."""
    for entry in json.loads((saved.folder / "out.json").read_text())["benchmarks"]:
        rounds = [value for launch in entry["extra_info"]["formfunc"]["samples"] for value in launch]
        assert entry["stats"]["data"] == rounds
        assert entry["stats"]["min"] == min(rounds)
        assert entry["stats"]["median"] == entry["extra_info"]["formfunc"]["latency_s"]["median"]
        assert entry["group"] == entry["extra_info"]["formfunc"]["case"]
        assert entry["options"]["timer"] == "formfunc_clock"


def test_the_report_has_speedups_with_intervals_and_what_was_spent(saved):
    """It has a line for each case, the mean, best and worst, time and memory, and at most 100 columns."""
    report = saved.outcome.text.partition(" formfunc ==")[2].splitlines()[1:-1]
    rows = [line for line in report if line.startswith(("pointwise", "attention"))]
    assert len(rows) == 2
    values = [float(row.split("x (")[0].split()[-1]) for row in rows]
    assert values == sorted(values, reverse=True)
    joined = "\n".join(report)
    for words in ("geometric mean", "best  ", "worst ", "converted", "measuring", "peak memory"):
        assert words in joined
    assert max(map(len, report)) <= 100


def test_the_parent_stays_small(saved):
    """Engines are only in the workers, and pytest's own process needs less than 300 MB."""
    line = saved.outcome.line("peak memory: ")
    assert int(line.split()[2]) < 300
    assert int(line.split("process, ")[1].split()[0]) > 100


def test_the_html_report_is_written(saved):
    """It names the cases and needs no other file."""
    page = (saved.folder / "out.html").read_text()
    assert "attention-d1-w32-1x3x32x32" in page
    assert "http" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL).replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_several_reports_are_written_in_one_run(saved):
    """A comment, in a folder that was not there."""
    comment = (saved.folder / "new/out.comment.md").read_text()
    assert "pointwise-d1-w32-1x3x32x32" in comment
    assert saved.outcome.text.count("report written to") == 2


def test_junit_has_the_figures_of_each_test(saved):
    """As properties, which are numbers as they stand."""
    cases = ET.parse(saved.folder / "junit.xml").getroot().iter("testcase")
    found = {case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")} for case in cases}
    (own,) = [of for name, of in found.items() if "attention" in name and "openvino" in name]
    assert own["formfunc_backend"] == "openvino"
    if "formfunc_contended" in own:
        assert own["formfunc_contended"]
    else:
        assert (
            float(own["formfunc_speedup_low"]) <= float(own["formfunc_speedup"]) <= float(own["formfunc_speedup_high"])
        )
        assert float(own["formfunc_latency_s"]) > 0


def test_an_unchanged_run_is_compared_and_nothing_is_converted_again(saved, tmp_path):
    """A second run finds its artifacts and reports what it is compared with."""
    _, outcome = again(saved, tmp_path, *saved.args, "--formfunc-threshold", "90%")
    assert outcome.code == 0, outcome.text
    assert "compared with" in outcome.text
    assert "0 converted, 4 from the cache" in outcome.text
    assert "verdicts: 2 unchanged" in outcome.text


def faster_then(document, pattern="", times=100):
    """Make the baseline's accelerated side a hundred times as fast as it was; of one pattern only where it is named."""
    for entry in document["benchmarks"]:
        record = entry["extra_info"]["formfunc"]
        if not record["native"] and record["case"].startswith(pattern):
            speed_up(record, times)


@pytest.fixture(scope="module")
def judged(saved, tmp_path_factory):
    """A run against a baseline that lost one form, gained another, lacks a third and has a fourth; and that run, strict."""

    def change(document):
        faster_then(document, "pointwise")
        faster_then(document, "attention", 0.01)
        for entry in json.loads(json.dumps(document["benchmarks"])):
            record = entry["extra_info"]["formfunc"]
            if record["case"].startswith("attention"):
                record["case"] = record["case"].replace("attention", "dense")
                document["benchmarks"].append(entry)

    args = ["--formfunc-patterns", "pointwise,attention,fire", "--formfunc-depths", "1", "--formfunc-widths", "32",
            "--formfunc-budget", "2s", "--junitxml", "junit.xml"]  # fmt: skip
    one, outcome = again(saved, tmp_path_factory.mktemp("judged"), *args, "--benchmark-json=now.json", change=change)
    one.lenient, one.lenient_failures = outcome, one.failures()
    one.strict = one.measure(*args, "--benchmark-compare", "--formfunc-strict")
    return one


def test_lost_speedup_fails_its_test_with_one_sentence(judged):
    """Case, backend, both speedups with intervals, threshold and the side that moved; JUnit agrees; it is saved."""
    assert judged.lenient.code == 1, judged.lenient.text
    assert "1 failed, 5 passed" in judged.lenient.text
    assert "Traceback" not in judged.lenient.text
    (sentence,) = judged.lenient_failures.values()
    for words in (
        "pointwise-d1-w32-1x3x32x32 on openvino lost speedup",
        "then",
        "now",
        "threshold 10%",
        "got slower",
    ):
        assert words in sentence
    assert sentence.count("x (") == 3
    record = judged.records("now.json")["pointwise-d1-w32-1x3x32x32", "openvino"]
    assert record["verdict"]["status"] == "regressed"
    assert record["verdict"]["change"]["high"] < 0.5


def test_a_gain_is_green_and_said(judged):
    """Faster than the baseline is improved."""
    assert "1 improved" in judged.lenient.text


def test_new_and_missing_are_listed_and_red_when_strict(judged):
    """What only one side has is never passed over."""
    assert "new: fire-d1-w32-1x3x32x32 on openvino" in judged.lenient.text
    assert "missing: dense-d1-w32-1x3x32x32 on openvino" in judged.lenient.text
    assert judged.strict.code == 1
    assert "3 failed, 5 passed" in judged.strict.text  # the fifth: all that was asked for was judged
    suite = ET.parse(judged.folder / "junit.xml").getroot().find("testsuite")
    assert suite.get("failures") == "3"


def test_a_wider_threshold_of_the_marker_has_precedence(saved, tmp_path):
    """The threshold of its marker applies to a test; one that is wider than the saved run's has to be accepted.

    A measured loss of two thirds of the threshold fails, in logarithms: of 99.9% that would be just the 99% lost here.
    """
    one, _ = again(saved, tmp_path, "--collect-only")
    one.write(
        "test_forms.py",
        "import pytest\n\n@pytest.mark.formfunc(threshold='99.9999%')\n"
        "def test_form(formfunc, formfunc_case, formfunc_backend):\n    formfunc(formfunc_case)\n",
    )
    document = json.loads(one.saved()[0].read_text())
    faster_then(document)
    one.saved()[0].write_text(json.dumps(document))
    compare = (*saved.args, "-k", "pointwise", "--benchmark-compare")
    assert one.measure(*compare).code == 1
    outcome = one.measure(*compare, "--formfunc-accept=threshold")
    assert outcome.code == 0, outcome.text


def test_another_machine_is_not_compared_said_once_and_red_when_strict(saved, tmp_path):
    """Neither milliseconds nor ratios of unlike machines are compared."""

    def elsewhere(document):
        for entry in document["benchmarks"]:
            entry["extra_info"]["formfunc"]["host"]["cpu"] = "Other CPU"
            entry["extra_info"]["formfunc"]["fingerprint"] = "another"

    one, outcome = again(saved, tmp_path, *saved.args, change=elsewhere)
    assert outcome.code == 0
    assert outcome.text.count("not comparable: the baseline is from another machine") == 1
    assert "cpu 'Other CPU' then" in outcome.text
    strict = one.measure(*saved.args, "--benchmark-compare", "--formfunc-strict")
    assert strict.code == 1
    assert "2 failed, 3 passed" in strict.text


def test_only_selected_tests_are_measured_and_no_baseline_is_one_line(bench):
    """-k chooses rows; native is measured with an accelerated row even when its own row is not wanted."""
    outcome = bench.measure(*PLAIN, "-k", "openvino", "--benchmark-json", "out.json", "--benchmark-compare")
    assert outcome.code == 0, outcome.text
    assert "save one with --benchmark-autosave; nothing was compared" in outcome.text  # and there is no baseline
    assert "1 passed, 1 deselected" in outcome.text
    record = bench.records("out.json")[CASE, "openvino"]
    assert record["speedup"]["value"] > 0
    assert record["native_samples"]
    native = bench.measure(*PLAIN, "-k", "native", "--benchmark-json", "native.json")
    assert native.code == 0
    assert set(bench.records("native.json")) == {(CASE, "native")}


def test_collect_only_measures_nothing(bench):
    """Ids can be listed without starting an engine."""
    outcome = bench.pytest("--collect-only", "-q", *PLAIN)
    assert outcome.code == 0
    assert "test_forms.py::test_form[pointwise-d1-w8-native]" in outcome.text
    assert "formfunc ==" not in outcome.text


def test_without_pytest_benchmark_it_still_measures_and_reports(bench):
    """With -p no:benchmark only the table is missing."""
    outcome = bench.measure(*PLAIN, "-p", "no:benchmark")
    assert outcome.code == 0, outcome.text
    assert "2 passed" in outcome.text
    assert "geometric mean" in outcome.text


def test_disabled_benchmarks_run_once_with_parity(bench):
    """With --benchmark-disable no speedup is reported."""
    outcome = bench.measure(*PLAIN, "--benchmark-disable")
    assert outcome.code == 0, outcome.text
    assert "2 passed" in outcome.text
    assert "no speedup is claimed" in outcome.text
    assert not re.search(r"\dx \(", outcome.text)  # nor in any row


def test_skipped_benchmarks_start_no_engine(bench):
    """--benchmark-skip, an option of pytest-benchmark, is respected."""
    outcome = bench.measure(*PLAIN, "--benchmark-skip")
    assert "2 skipped" in outcome.text
    assert "formfunc ==" not in outcome.text


def test_a_named_architecture_is_measured(bench):
    """It has its own name, and patterns are not measured by default then."""
    outcome = bench.measure(
        "--formfunc-architectures", "squeezenet1_1", "--formfunc-input", "1x3x64x64", "--benchmark-json", "out.json"
    )
    assert outcome.code == 0, outcome.text
    records = bench.records("out.json")
    assert set(records) == {("squeezenet1_1-1x3x64x64", "native"), ("squeezenet1_1-1x3x64x64", "openvino")}
    record = records["squeezenet1_1-1x3x64x64", "openvino"]
    assert record["form"] == {"kind": "architecture", "name": "squeezenet1_1"}
    assert record["cost"]["params"] == 1_235_496
    assert record["parity"]["ok"]
