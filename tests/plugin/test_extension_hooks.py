"""Patterns, architectures and backends that a conftest.py or an installed package adds, in a user's project."""

import os
import subprocess
import sys

import pytest
from support.extensions import CONFTEST, write_extensions
from support.project import MATRIX, git

CASE = "shifted-d1-w8-1x3x32x32"


@pytest.fixture
def extended(bench):
    """Return a project that adds one of each and measures the matrix."""
    write_extensions(bench)
    return bench


@pytest.mark.engine
def test_what_a_conftest_adds_is_measured_like_bundled_forms(extended):
    """It has options, rows, parity, cost, and records, from worker processes that import the user's modules."""
    outcome = extended.measure(
        "--formfunc-patterns", "shifted,pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8",
        "--formfunc-architectures", "tiny", "--formfunc-backends", "last", "--benchmark-json", "out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    assert "last (f32) against native" in outcome.text
    records = extended.records("out.json")
    assert set(records) == {
        (case, backend)
        for case in (CASE, "pointwise-d1-w8-1x3x32x32", "tiny-1x3x32x32")
        for backend in ("native", "last")
    }
    record = records[CASE, "last"]
    assert record["form"] == {"kind": "pattern", "name": "shifted", "depth": 1, "width": 8}
    assert record["parity"]["ok"] is True
    assert record["parity"]["sqnr_db"] is None or record["parity"]["sqnr_db"] > 60
    assert record["cost"]["params"] == 3 * 16 * 8 + 16 + (8 * 8 + 8) + 9 * 1000
    assert records["tiny-1x3x32x32", "last"]["cost"]["params"] == 314


def test_a_marker_may_name_what_a_conftest_adds(extended):
    """Without any option of ours too: names are added before a marker is checked."""
    extended.write(
        "test_mine.py",
        "import pytest\n\n\n@pytest.mark.formfunc(backends=['last'], architectures=['tiny'])\n"
        "def test_mine(formfunc, formfunc_case):\n    formfunc(formfunc_case)\n",
    )
    outcome = extended.pytest("test_mine.py", "--collect-only", "-q")
    assert outcome.code == 0, outcome.text
    assert "test_mine[tiny-last]" in outcome.text


@pytest.mark.engine
def test_the_list_and_near_matches_know_what_was_added(extended):
    """--formfunc-list names it and its origin, and a typing error gets it as a suggestion."""
    listed = extended.pytest("--formfunc-list")
    assert listed.code == 0, listed.text
    assert "\n  shifted                          widths: multiples of 4" in listed.text
    assert "darts, tiny" in listed.text
    assert "\n  last             available; eager, channels last" in listed.text
    assert "\n  last             backend, myforms:Last" in listed.text
    refused = extended.pytest("--formfunc-patterns", "shifte")
    assert refused.code == 4
    assert "unknown pattern 'shifte': did you mean shifted" in refused.text
    assert "multiples of 4, not 6" in extended.pytest("--formfunc-patterns", "shifted", "--formfunc-widths", "6").text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ('"shifted", "myforms:Shifted"', '"plain", "myforms:Shifted"'),
            "pattern 'plain' is registered twice: plain:Plain of pytest-formfunc and myforms:Shifted of hook "
            "pytest_formfunc_patterns of conftest.py",
        ),
        (
            ('[PatternEntry("shifted", "myforms:Shifted", width_multiple=4)]', "[('shifted', 'myforms:Shifted')]"),
            "hook pytest_formfunc_patterns of conftest.py must give a list of PatternEntry, and gives ('shifted', ",
        ),
        (
            ('"tiny"', '"tiny net"'),
            "architecture 'tiny net' of hook pytest_formfunc_architectures of conftest.py has an invalid name",
        ),
        (('("torch", "numpy")', '"torch"'), "its distributions is 'torch' and must be a tuple of strings"),
        (("return [Backend", "return [1 / 0, Backend"), "pytest_formfunc_backends of conftest.py raises ZeroDivision"),
        pytest.param(
            ('"myforms:Last"', '"nowhere:Last"'),
            "backend 'last' (nowhere:Last) does not import: ModuleNotFoundError: No module named 'nowhere'",
            marks=pytest.mark.engine,
        ),
    ],
    ids=["twice", "no_entry", "name", "field", "raises", "no_module"],
)
def test_an_invalid_entry_is_one_sentence(extended, change, sentence):
    """The message names who gave it, before anything is measured, with exit code 4."""
    assert change[0] in CONFTEST
    extended.write("conftest.py", CONFTEST.replace(*change))
    outcome = extended.pytest("--formfunc-backends", "last")
    (said,) = [line for line in outcome.text.splitlines() if line.startswith("ERROR: ")]
    assert outcome.code == 4, outcome.text
    assert sentence in said
    assert "Traceback" not in outcome.text


@pytest.mark.engine
def test_a_form_that_cannot_be_built_fails_its_own_test(extended):
    """The message says what is wrong with it; the others are measured."""
    broken = CONFTEST.replace("myforms:Tiny", "myforms:Tinny").replace("myforms:Shifted", "myforms:Last")
    extended.write("conftest.py", broken)
    outcome = extended.measure(
        "--formfunc-patterns", "shifted,pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8",
        "--formfunc-architectures", "tiny", "-rf", "-vv",
    )  # fmt: skip
    assert outcome.code == 1, outcome.text
    assert "4 failed, 2 passed" in outcome.text
    assert "Traceback" not in outcome.text
    assert "architecture 'tiny' (myforms:Tinny): module myforms has no 'Tinny'" in outcome.text
    assert "(myforms:Last) must be a subclass of pytest_formfunc.forms.block.Block" in outcome.text


def test_a_hook_that_comes_after_the_options_is_refused(project):
    """A sub-folder's conftest.py is loaded during collection, too late for names on the command line."""
    write_extensions(project)
    (project.folder / "conftest.py").rename(project.write("bench/test_forms.py", MATRIX).parent / "conftest.py")
    late = project.pytest("--formfunc-patterns", "plain")
    assert late.code == 4
    assert "hook pytest_formfunc_patterns of bench/conftest.py is registered too late" in late.text
    named = project.pytest("bench", "--formfunc-patterns", "shifted", "--collect-only", "-q")
    assert named.code == 0, named.text
    assert "test_form[shifted-d2-w64-openvino]" in named.text


def test_hooks_are_not_asked_where_nothing_is_measured(project):
    """Other tests run, whatever the hooks do."""
    project.write("conftest.py", "def pytest_formfunc_patterns(config):\n    raise SystemExit('asked')\n")
    project.write("test_other.py", "def test_one():\n    pass\n")
    outcome = project.pytest()
    assert outcome.code == 0, outcome.text


def test_a_session_leaves_no_names_behind(extended):
    """Several sessions may follow each other in one process; names that one adds are removed after it."""
    code = (
        "import pytest\n"
        "code = pytest.main(['--collect-only', '-q', '--formfunc-patterns', 'shifted'])\n"
        "from pytest_formfunc.forms.patterns import pattern_names\n"
        "print('LEFT', int(code), 'shifted' in pattern_names())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=extended.folder, capture_output=True, text=True, check=True)
    assert "test_form[shifted-d2-w64-openvino]" in done.stdout
    assert "LEFT 0 False" in done.stdout


def test_an_entry_point_that_does_not_load_is_named_with_its_distribution(bench):
    """The message names the entry point and the broken package."""
    bench.write("site/broken-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    bench.write("site/broken-1.0.dist-info/entry_points.txt", "[pytest_formfunc.patterns]\nmine = brokenly:PATTERNS\n")
    bench.write("site/brokenly.py", "raise RuntimeError('half installed')\n")
    path = os.pathsep.join([str(bench.folder / "site"), os.environ.get("PYTHONPATH", "")])
    outcome = bench.pytest("--formfunc-patterns", "plain", env={"PYTHONPATH": path})
    assert outcome.code == 4
    assert (
        "ERROR: formfunc: entry point 'mine' of broken (group pytest_formfunc.patterns) does not load: "
        "RuntimeError: half installed" in outcome.text
    )


@pytest.mark.engine
def test_side_by_side_the_entries_are_this_runs_and_the_code_is_each_revisions(repository):
    """A pattern whose module the other revision lacks is new; other patterns use each revision's own code."""
    write_extensions(repository)
    repository.write("test_forms.py", MATRIX)
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "two")
    repository.write("later.py", "from myforms import Shifted\n\n\nclass Later(Shifted):\n    pass\n")
    repository.write("engines.py", "from myforms import Last\n\n\nclass Newer(Last):\n    pass\n")
    added = '[PatternEntry("later", "later:Later"), PatternEntry'
    newer = '[BackendEntry("newer", "engines:Newer"), BackendEntry'
    changed = CONFTEST.replace("[PatternEntry", added).replace("[BackendEntry", newer)
    repository.write("conftest.py", changed)
    outcome = repository.measure(
        "test_forms.py", "test_net.py", "--formfunc-against", "HEAD", "--formfunc-gate", "graph", "--formfunc-patterns",
        "shifted,later", "--formfunc-depths", "1", "--formfunc-widths", "8", "--formfunc-backends", "openvino,newer",
        "--benchmark-json", "out.json",
    )  # fmt: skip
    records = repository.records("out.json")
    verdicts = {key: record["verdict"] for key, record in records.items() if record.get("verdict")}
    later, shifted = verdicts["later-d1-w8-1x3x32x32", "openvino"], verdicts[CASE, "openvino"]
    assert later["status"] == "new", outcome.text
    assert "has no pattern later" in later["reason"]
    assert shifted["status"] == "unchanged", shifted
    newer = verdicts[CASE, "newer"]
    assert newer["status"] == "not comparable", newer
    assert "No module named 'engines'" in newer["reason"]
    assert verdicts["test_net.py::test_net", "openvino"]["status"] == "unchanged", verdicts
