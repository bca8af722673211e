"""Invalid input is reported in one sentence with exit code 4, before anything is measured."""

import json

import pytest

SENTENCES = [
    (["--formfunc-patterns", "residul"], "unknown pattern 'residul': did you mean residual"),
    (["--formfunc-patterns", "quux"], "unknown pattern 'quux': known are plain"),
    (["--formfunc-patterns", ","], "no pattern is given"),
    (["--formfunc-backends", "openvno"], "unknown backend 'openvno': did you mean openvino"),
    (["--formfunc-architectures", "mobilnet"], "unknown architecture 'mobilnet': did you mean mobilenet_v"),
    (["--formfunc-architectures", "vit_small_16", "--formfunc-input", "1x3x64x64"], "takes images of 224x224 only"),
    (
        ["--formfunc-architectures", "darts", "--formfunc-input", "1x1x64x64"],
        "takes images as batch x 3 x height x width",
    ),
    (["--formfunc-depths", "0"], "depth '0' is too small"),
    (["--formfunc-depths", "2,-1"], "depth '-1' is too small"),
    (["--formfunc-depths", "two"], "depth 'two' is not a whole number"),
    (["--formfunc-widths", "0"], "width '0' is too small"),
    (["--formfunc-widths", "1.5"], "width '1.5' is not a whole number"),
    (["--formfunc-patterns", "attention", "--formfunc-widths", "40"], "multiples of 32, not 40"),
    (["--formfunc-input", "1x3xx4"], "input shape '1x3xx4' is malformed"),
    (["--formfunc-input", "1x3x224"], "batch x channels x height x width, not 1x3x224"),
    (["--formfunc-input", "1x3x2x2"], "images must be at least"),
    (["--formfunc-threshold", "abc"], "threshold 'abc' is not a percentage"),
    (["--formfunc-threshold", "100%"], "threshold '100%' is out of range"),
    (["--formfunc-budget", "0s"], "budget '0s' is not a duration"),
    (["--formfunc-precision", "90%"], "precision '90%' is out of range"),
    (["--formfunc-timeout", "soon"], "timeout 'soon' is not a duration"),
    (["--formfunc-threads", "4096"], "threads '4096' is out of range"),
    (["--formfunc-seed", "-1"], "seed '-1' is out of range"),
    (["--formfunc-servers", "2"], "servers '2' is out of range: give a whole number between 3 and 256"),
    (["--formfunc-model", "nets"], "model 'nets' is malformed"),
    (["--formfunc-report", "out.pdf"], "report 'out.pdf' has no known ending"),
    (["--formfunc-escalation", "much"], "escalation 'much' is not a duration"),
    (["--formfunc-threshold-means", "much"], "unknown meaning 'much'"),
    (["--formfunc-fail-on", "los"], "unknown kind of verdict 'los': did you mean loss"),
    (["--formfunc-fail-on", ","], "no kind of verdict is given"),
    (["--formfunc-against="], "--formfunc-against is empty: give it a value or leave it out"),
    (["--formfunc-baseline", " "], "--formfunc-baseline is empty"),
    (["--formfunc-report", "test_forms.py/out.md"], "is no folder that you may write to"),
    (["--formfunc-baseline", "main", "-p", "no:benchmark"], "pytest-benchmark saved, and that plugin is switched off"),
    (["--formfunc-gate", "grpah"], "unknown gate 'grpah': did you mean graph"),
    (["--formfunc-baseline", "main-latest", "--formfunc-strict"], "no baseline 'main-latest' in"),
    (["-o", "formfunc_depths=0"], "depth '0' is too small"),
    (["-o", "formfunc_strict=perhaps"], "strict 'perhaps' is neither yes nor no"),
    # Engines are looked for before these are known to be wrong.
    pytest.param(["--formfunc-against", "main"], "--formfunc-against needs a git repository", marks=pytest.mark.engine),
    pytest.param(["--formfunc-gate", "graph"], "--formfunc-gate graph judges a comparison", marks=pytest.mark.engine),
]


def refused(outcome, sentence):
    """Check that a run was refused with one line, without a traceback and without a test."""
    said = [line for line in outcome.text.splitlines() if line.startswith("ERROR: ")]
    assert outcome.code == 4, outcome.text
    assert len(said) == 1, outcome.text
    assert sentence in said[0]
    assert "Traceback" not in outcome.text
    assert " passed" not in outcome.text
    return True


@pytest.mark.parametrize(
    ("args", "sentence"), SENTENCES, ids=lambda value: "_".join(value)[:40] if isinstance(value, list) else ""
)
def test_an_invalid_option_is_one_sentence(bench, args, sentence):
    """Names, numbers, shapes, percents and times are checked before collection."""
    assert refused(bench.pytest(*args), sentence)


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("treshold='5%'", "unknown argument 'treshold': did you mean threshold"),
        ("threshold='lots'", "threshold 'lots' is not a percentage"),
        ("backends=['openvin']", "unknown backend 'openvin'"),
        ("max_latency='fast'", "max_latency 'fast' is not a duration"),
        ("fail_on=['win']", "unknown kind of verdict 'win'"),
        ("min_speedup=-1", "min_speedup -1 is not a ratio"),
        ("min_speedup=True", "min_speedup True is not a ratio"),
        ("backends=None", "backends None is not a list of names"),
        ("fail_on=True", "fail_on True is not a list of names"),
        ("'5%'", "takes no positional arguments"),
    ],
)
def test_an_invalid_marker_is_one_sentence_that_names_the_test(project, marker, sentence):
    """A typing error in a marker does not silently weaken a gate."""
    project.write(
        "test_mine.py",
        f"import pytest\n\n@pytest.mark.formfunc({marker})\ndef test_mine(formfunc):\n    pass\n",
    )
    outcome = project.pytest()
    assert refused(outcome, sentence)
    assert "test_mine.py" in outcome.line("ERROR: ")


def test_xdist_runs_other_tests(project):
    """Only tests that measure are refused."""
    project.write("test_other.py", "def test_one():\n    pass\ndef test_two():\n    pass\n")
    outcome = project.pytest("-n", "2")
    assert outcome.code == 0
    assert "2 passed" in outcome.text


VALID = {
    "machine_info": {},
    "benchmarks": [{"fullname": "t.py::t", "name": "t", "stats": {"mean": 1.0}, "extra_info": {}}],
}


def with_record(**record):
    entry = {**VALID["benchmarks"][0], "extra_info": {"formfunc": record}}
    return {**VALID, "benchmarks": [entry]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{ not json", "is corrupt: not JSON"),
        ("", "is corrupt: not JSON"),
        (json.dumps([1, 2]), "is not a pytest-benchmark file"),
        (json.dumps({"benchmarks": "many"}), "is not a pytest-benchmark file"),
        (json.dumps({"benchmarks": VALID["benchmarks"]}), "is damaged"),
        (json.dumps({"machine_info": {}, "benchmarks": [{"stats": {"mean": 1.0}}]}), "is damaged"),
        (json.dumps(VALID), "holds no formfunc measurement"),
        (json.dumps(with_record(schema=99)), "has formfunc schema 99, this version reads 1"),
        (json.dumps(with_record(schema=1, case="x")), "has a damaged formfunc entry"),
    ],
)
def test_a_baseline_that_cannot_be_read_is_named_and_left_alone(bench, content, sentence):
    """For a corrupt or foreign file, or another schema, one sentence names the file, which is not changed."""
    path = bench.write(".benchmarks/Linux-CPython-3.11-64bit/0001_old.json", content)
    for folder in bench.folder.glob(".benchmarks/*"):
        folder.rename(bench.folder / ".benchmarks" / machine_id())
    path = bench.folder / ".benchmarks" / machine_id() / path.name
    outcome = bench.pytest("--formfunc-patterns", "plain", "--benchmark-compare")
    assert refused(outcome, sentence)
    assert path.name in outcome.line("ERROR: ")
    assert path.read_text() == content


def machine_id():
    from pytest_benchmark.utils import get_machine_id

    return get_machine_id()


@pytest.mark.parametrize(("args", "env"), [((), {"CI": "true"}), (("--formfunc-strict",), {})])
def test_an_absent_baseline_is_an_error_in_ci_and_when_strict(bench, args, env):
    """There a comparison that cannot be made does not pass silently."""
    outcome = bench.pytest("--formfunc-patterns", "plain", "--benchmark-compare", *args, env=env)
    assert refused(outcome, "no baseline in")
    assert "--benchmark-autosave" in outcome.text


@pytest.mark.parametrize("glob", ["a/b/c", "0007"])
def test_the_message_about_a_missing_baseline_quotes_what_was_asked_for(bench, glob):
    """This holds for a glob that makes pytest-benchmark crash, and for a number that no file has."""
    outcome = bench.pytest("--formfunc-patterns", "plain", f"--benchmark-compare={glob}", env={"CI": "1"})
    assert refused(outcome, glob)


@pytest.mark.engine
def test_a_backend_that_is_not_installed_names_its_extra(bench):
    """Where openvino is missing, the message says what to install."""
    bench.write(
        "conftest.py",
        "import importlib.metadata as m\nreal = m.version\n"
        "def version(name):\n    if name == 'openvino':\n        raise m.PackageNotFoundError(name)\n    return real(name)\n"
        "m.version = version\n",
    )
    outcome = bench.pytest("--formfunc-patterns", "plain")
    assert refused(outcome, "backend 'openvino' cannot be used here: openvino is not installed")
    assert "pytest-formfunc[openvino]" in outcome.text


def test_options_of_the_project_that_its_ini_file_gives_are_not_asked_for_again(project):
    """What the command line itself has is read without ``addopts``; an option may be required, or do something."""
    project.write("pytest.ini", "[pytest]\naddopts = --stage=test\nformfunc_seed = 3\n")
    project.write(
        "conftest.py",
        "import argparse\n"
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--stage', required=True)\n"
        "    parser.addoption('--out', type=argparse.FileType('x'))\n",
    )
    project.write("test_it.py", "def test_it():\n    pass\n")
    outcome = project.pytest("--formfunc-threads=1", "--out=made.txt")
    assert outcome.code == 0, outcome.text
    assert (project.folder / "made.txt").exists()
