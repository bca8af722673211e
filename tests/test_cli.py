"""The pytest-formfunc command, run in a separate process on saved runs of real engines."""

import json
import subprocess
import sys

import pytest
from support.project import NET, OWN_TEST, Project, calm, git, make_bench, speed_up, users_environment
from support.records import record

from pytest_formfunc.cli import main
from pytest_formfunc.gate.completeness import why_runs_differ
from pytest_formfunc.journal.lines import COMPLETE, Header, Row
from pytest_formfunc.journal.writing import JournalWriter


def command(folder, *args):
    done = subprocess.run(
        [sys.executable, "-m", "pytest_formfunc.cli", *map(str, args)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240, env=users_environment(),
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def runs(tmp_path_factory, artifact_cache):
    """A saved run of one form with reduced scatter, and runs derived from it, one of them slower by a factor of 30."""
    project = make_bench(Project(tmp_path_factory.mktemp("saved"), artifact_cache))
    forms = ["--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8"]
    outcome = project.measure(*forms, "--benchmark-json=one.json")
    assert outcome.code == 0, outcome.text
    one = json.dumps(calm(json.loads((project.folder / "one.json").read_text())))
    for name, slower in (("one", 1), ("two", 1.01), ("slow", 30)):
        document = json.loads(one)
        for entry in document["benchmarks"]:
            if not entry["extra_info"]["formfunc"]["native"]:
                speed_up(entry["extra_info"]["formfunc"], 1 / slower)
        project.write(f"{name}.json", json.dumps(document))
    return project.folder


@pytest.mark.engine
def test_compare_exits_1_on_a_regression_and_otherwise_0(runs):
    """It prints one line for each verdict, and how many there are of each status."""
    red = command(runs, "compare", "one.json", "slow.json", "--threshold", "20%")
    assert red.returncode == 1, red.stdout
    assert "regressed: pointwise-d1-w8-1x3x32x32 on openvino lost speedup" in red.stdout
    assert red.stdout.splitlines()[-1] == "verdicts: 1 regressed"
    green = command(runs, "compare", "one.json", "one.json")
    assert green.returncode == 0
    for means, meaning in (("found", "two thirds of that fails"), ("measured", "at least that fails")):
        told = command(runs, "compare", "one.json", "slow.json", "--threshold-means", means)
        assert (told.returncode, meaning in told.stdout) == (1, True), told.stdout
    wrong = command(runs, "compare", "one.json", "one.json", "--threshold-means", "median")
    assert (wrong.returncode, "invalid choice: 'median'" in wrong.stderr) == (4, True)
    assert "1 regressed" not in green.stdout


@pytest.mark.engine
def test_a_strict_compare_exits_1_if_a_case_was_not_compared(runs):
    """A case of the earlier run that the later one lacks is listed, and fails only with --strict."""
    document = json.loads((runs / "one.json").read_text())
    extra = json.loads(json.dumps(document["benchmarks"]))
    for entry in extra:
        entry["extra_info"]["formfunc"]["case"] = "gone-d1-w8"
    (runs / "more.json").write_text(json.dumps({**document, "benchmarks": document["benchmarks"] + extra}))
    for first, second, gap in (("more.json", "one.json", "missing"), ("one.json", "more.json", "new")):
        lenient = command(runs, "compare", first, second)
        assert lenient.returncode == 0
        assert gap in lenient.stdout
        strict = command(runs, "compare", first, second, "--strict")
        assert strict.returncode == 1
        assert f"--strict does not pass: there are cases that are {gap}" in strict.stderr
    assert command(runs, "compare", "one.json", "one.json", "--strict").returncode == 0


@pytest.mark.parametrize(
    ("statuses", "missing", "fault"),
    [
        ({"unchanged", "inconclusive"}, [], ""),
        ({"inconclusive"}, [], "every verdict is inconclusive"),
        ({"unchanged", "not comparable"}, [], "there are cases that are not comparable"),
        ({"inconclusive", "new"}, [("a", "openvino")], "there are cases that are new, missing"),
    ],
)
def test_what_strict_does_not_pass(statuses, missing, fault):
    """One inconclusive verdict may be noise, but if all are inconclusive, nothing was compared."""
    assert why_runs_differ(statuses, missing) == fault


@pytest.mark.engine
def test_show_prints_a_saved_run(runs):
    """It prints case, backend, both latencies and the speedup with its interval."""
    done = command(runs, "show", "one.json")
    assert done.returncode == 0
    assert "pointwise-d1-w8-1x3x32x32 on openvino" in done.stdout
    assert "geometric mean" in done.stdout


@pytest.mark.engine
def test_history_prints_how_speedups_changed(runs):
    """It prints the number of runs, first and last speedup, scatter, and the smallest loss that can be detected."""
    done = command(runs, "history", "one.json", "two.json")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("pointwise"))
    assert row.split()[3] == "2"
    assert row.rstrip().endswith("%")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["compare", "one.json", "broken.json"], "broken.json is corrupt"),
        (["compare", "one.json", "absent.json"], "absent.json cannot be read"),
        (["compare", "one.json", "one.json", "--threshold", "lots"], "threshold 'lots' is not a percentage"),
        (["compare", "one.json"], "the following arguments are required: NOW"),
        (["history"], "the following arguments are required: RUN"),
        (["show", "."], "cannot be read"),
        (["bisect", "a", "b"], "needs a git repository"),
        (["shwo"], "invalid choice"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_4(tmp_path, args, sentence):
    """There is never a traceback."""
    entry = {"fullname": "t", "stats": {"mean": 1.0}, "extra_info": {"formfunc": record(0.0025).to_json()}}
    (tmp_path / "one.json").write_text(json.dumps({"machine_info": {}, "benchmarks": [entry]}))
    (tmp_path / "broken.json").write_text("{")
    done = command(tmp_path, *args)
    assert done.returncode == 4
    assert sentence in done.stderr


@pytest.mark.engine
def test_bisect_finds_the_commit_that_lost_the_graph(project):
    """Of five commits the third adds an operator that is not fused, and one before it does not import."""
    project.write("pytest.ini", "[pytest]\npythonpath = src\n")
    project.write(".gitignore", "__pycache__\n.formfunc_cache\n")
    project.write("src/mynets/__init__.py", "")
    project.write("test_net.py", OWN_TEST.replace("print", "0 and print"))
    git(project.folder, "init", "-q", "-b", "main")
    good = NET.format(out=8)
    bad = good.replace(
        "return self.body(x)", "x = self.body(x)\n        return (x * torch.sort(x, dim=1).values.sin())"
    )
    commits = []
    for text in (good, good + "# a note\n", "raise RuntimeError\n", bad, bad + "# another\n"):
        project.write("src/mynets/net.py", text)
        git(project.folder, "add", "-A")
        git(project.folder, "commit", "-qm", "x")
        commits.append(git(project.folder, "rev-parse", "HEAD"))
    done = command(
        project.folder, "bisect", commits[0], "HEAD", "--", "test_net.py", "--formfunc-gate=graph",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert commits[3] in last
    assert commits[1] not in last
    assert commits[4] not in last
    assert f"{commits[4][:10]} lost it" in done.stdout
    assert git(project.folder, "status", "--porcelain") == ""
    assert len(git(project.folder, "worktree", "list").splitlines()) == 1
    upside_down = command(project.folder, "bisect", "HEAD", commits[0])
    assert upside_down.returncode == 4
    assert "is not an ancestor of" in upside_down.stderr


@pytest.fixture
def journals(tmp_path):
    """Two journals: the speedup of one case was half in the second, and another case is only in the first."""
    paths = []
    for name, seconds, cases in [("then", 0.001, ("fire-d2-w64", "plain-d2-w64")), ("now", 0.002, ("fire-d2-w64",))]:
        paths.append(tmp_path / "runs" / f"{name}.jsonl")
        planned = tuple((case, "openvino") for case in cases)
        writer = JournalWriter(paths[-1], Header(name, "2026", "nets", "here", planned=planned))
        for case in cases:
            writer.add(Row(record(seconds, case=case), "i", f"t.py::test[{case}]", case, 1.0, 2.0))
        if name == "then":
            writer.end(COMPLETE)
        writer.close()
    return [str(path) for path in paths]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("show", "THEN"), 0, "geometric mean 10.0x"),
        (("compare", "THEN", "NOW"), 1, "verdicts: 1 regressed, 1 missing"),
        (("compare", "THEN", "THEN"), 0, "verdicts: 2 unchanged"),
        (("history", "THEN", "NOW"), 0, "fire-d2-w64 on openvino"),
        (("report", "THEN", "OUT.md"), 0, "report written to"),
        (("durations", "THEN", "--output", "OUT.json"), 0, "2 cases, 6 s together"),
        (("fleet", "THEN", "--hosts", "1,2"), 0, "2 cases: 2 s preparing, 4 s measuring"),
        (("fleet", "THEN", "--hosts", "0"), 4, "number of hosts"),
        (("merge", "THEN", "NOW"), 4, "then.jsonl is no part of a run"),
        (("report", "THEN", "OUT.txt"), 4, "has no known ending"),
        (("show", "ABSENT"), 4, "cannot be read"),
        (("runs", "ABSENT"), 4, "there is no folder"),
    ],
)
def test_a_journal_is_read_like_a_saved_run(journals, tmp_path, capsys, arguments, code, text):
    places = {"THEN": journals[0], "NOW": journals[1], "ABSENT": str(tmp_path / "absent.jsonl")}
    places |= {f"OUT.{ending}": str(tmp_path / f"out.{ending}") for ending in ("md", "json", "txt")}
    assert main([places.get(one, one) for one in arguments]) == code
    out, err = capsys.readouterr()
    assert text in out + err
    assert "Traceback" not in err


def test_all_rows_of_a_compared_run_say_how_much_runs_differ(tmp_path, capsys):
    """Against one saved run a loss of 30% may be noise; beside fifteen cases that kept their speedup it is not."""

    def compared(count):
        paths = []
        for name, factor in (("then", 1.0), ("now", 1 / 0.7)):
            paths.append(tmp_path / f"{name}-{count}.jsonl")
            cases = [f"plain-d{depth}-w8" for depth in range(count)]
            planned = tuple((case, "openvino") for case in cases)
            writer = JournalWriter(paths[-1], Header(name, "2026", "nets", "here", planned=planned))
            for at, case in enumerate(cases):
                made = record(0.001 * (1.0 if at else factor), case=case, draw=at + 50 * (name == "now"))
                writer.add(Row(made, "i", f"t.py::test[{case}]", case, 1.0, 2.0))
            writer.close()
        main(["compare", *map(str, paths)])
        return capsys.readouterr().out.splitlines()[-1]

    assert compared(15) == "verdicts: 1 inconclusive, 14 unchanged"
    assert compared(16) == "verdicts: 1 regressed, 15 unchanged"


def test_runs_lists_journals(journals, tmp_path, capsys):
    """How each stands, and how much of what it planned is there."""
    (tmp_path / "runs" / "zzz.jsonl").write_text("nothing")
    assert main(["runs", str(tmp_path / "runs")]) == 0
    _, now, then, other = capsys.readouterr().out.splitlines()
    assert now.split()[:4] == ["now.jsonl", "stopped", "1/1", "0"]
    assert then.split()[:4] == ["then.jsonl", "complete", "2/2", "0"]
    assert other.split()[:4] == ["zzz.jsonl", "cannot", "be", "read"]
