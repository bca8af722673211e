"""Parts of a run: each has whole cases, together they are everything, and merging them is the gate."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import MATRIX, lose_a_kernel, users_environment
from support.quick_pytest import FOR_WORKERS

from pytest_formfunc.errors import BadInput
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.plugin.sharding import read_durations

ROOT = Path(__file__).parents[2]
FORMS = ("--formfunc-patterns", "plain,pointwise", "--formfunc-depths", "1,2", "--formfunc-widths", "8")
CASES = [f"{name}-d{depth}-w8-1x3x32x32" for name in ("plain", "pointwise") for depth in (1, 2)]


def command(folder, *args):
    return subprocess.run(
        [sys.executable, "-m", "pytest_formfunc.cli", *args], cwd=folder, capture_output=True, text=True, check=False
    )


def part(bench, index, of, *more):
    return bench.measure(
        *FORMS, f"--formfunc-shard={index}/{of}", f"--formfunc-journal=part-{index}.jsonl", *more, "--benchmark-disable"
    )


@pytest.mark.engine
def test_parts_are_the_whole_and_merge_is_the_gate(bench):
    """Cases whole, each in one part; a missing part is named, and red where that is asked for."""
    bench.write("test_ordinary.py", "def test_ordinary():\n    pass\n")
    outcomes = [part(bench, 1, 2, "-n", "1"), part(bench, 2, 2)]  # workers may measure a part too
    assert [one.code for one in outcomes] == [0, 0], outcomes[0].text
    assert ["5 passed" in one.text for one in outcomes] == [True, True]  # two cases, and the ordinary test
    assert "5 passed, 4 deselected" in outcomes[1].text
    parts = [read_journal(bench.folder / f"part-{index}.jsonl") for index in (1, 2)]
    groups = [{row.group for row in one.rows.values()} for one in parts]
    assert sorted(name for group in groups for name in group) == sorted(CASES)
    assert all(len(one.rows) == 4 for one in parts)
    files = [f"part-{index}.jsonl" for index in (1, 2)]
    done = command(bench.folder, "merge", *files, "--strict", "--output", "whole.jsonl")
    assert done.returncode == 0, done.stderr
    assert len(read_journal(bench.folder / "whole.jsonl").rows) == 8
    assert command(bench.folder, "show", "whole.jsonl").returncode == 0
    done = command(bench.folder, "merge", files[0])
    assert (done.returncode, "incomplete: part 2/2 is missing" in done.stdout) == (0, True)
    done = command(bench.folder, "merge", files[0], "--strict")
    assert (done.returncode, "part 2/2 is missing, which --strict does not pass" in done.stderr) == (1, True)
    done = command(bench.folder, "merge", *files, "--output", "whole.txt")
    assert (done.returncode, "has no known ending" in done.stderr) == (4, True)
    assert command(bench.folder, "merge", *files, "--output", "whole.html").returncode == 0
    done = command(bench.folder, "merge", "part-1.jsonl", "absent.jsonl")
    assert (done.returncode, "journal absent.jsonl cannot be read" in done.stderr) == (4, True)
    first, rest = (bench.folder / "part-2.jsonl").read_text().split("\n", 1)
    (bench.folder / "other.jsonl").write_text(first.replace(parts[1].header.shard.plan, "other") + "\n" + rest)
    done = command(bench.folder, "merge", "part-1.jsonl", "other.jsonl")
    assert (done.returncode, "are parts of different runs" in done.stderr) == (4, True)


@pytest.mark.engine
def test_a_part_does_not_fail_on_a_verdict_and_the_whole_does(bench):
    """By the graph, which is always the same: one case executes a kernel more than in the saved run."""
    few = ("--formfunc-patterns", "plain,pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8")
    assert bench.measure(*few, "--benchmark-save=then").code == 0
    (saved,) = bench.saved()
    lose_a_kernel(saved, CASES[0])
    compare = ("--benchmark-compare", "--formfunc-gate=graph", "--formfunc-strict")
    for index in (1, 2):
        outcome = bench.measure(*few, f"--formfunc-shard={index}/2", f"--formfunc-journal=part-{index}.jsonl", *compare)
        assert outcome.code == 0, outcome.text
    done = command(bench.folder, "merge", "part-1.jsonl", "part-2.jsonl", "--strict")
    assert done.returncode == 1
    assert "executes a worse graph than the baseline" in done.stderr
    assert "verdicts: " in done.stdout
    assert "1 regressed" in done.stdout


@pytest.mark.engine
def test_a_part_without_cases_and_one_whose_case_fails(bench):
    """An empty part is complete; a test that fails before it measures is no row, and the whole says so."""
    bench.write("test_forms.py", "import pytest\n\n@pytest.fixture\ndef broken():\n    raise ValueError('it is')\n"
                "def test_mine(formfunc, formfunc_backend, broken):\n    pass\n")  # fmt: skip
    outcomes = [
        bench.measure(f"--formfunc-shard={index}/2", f"--formfunc-journal=part-{index}.jsonl") for index in (1, 2)
    ]
    assert sorted(one.code for one in outcomes) == [1, 5]
    assert [read_journal(bench.folder / f"part-{index}.jsonl").ended for index in (1, 2)] == ["complete"] * 2
    done = command(bench.folder, "merge", "part-1.jsonl", "part-2.jsonl")
    assert done.returncode == 1
    assert "was not measured: its test failed: ValueError: it is" in done.stderr


@pytest.mark.engine
def test_durations_balance_the_parts_and_say_what_a_fleet_takes(bench):
    assert bench.measure(*FORMS, "--formfunc-journal=run.jsonl", "--benchmark-disable").code == 0
    done = command(bench.folder, "durations", "run.jsonl")
    assert done.returncode == 0, done.stderr
    path = bench.folder / ".formfunc_durations.json"
    durations = json.loads(path.read_text())
    assert sorted(durations) == sorted(CASES)
    path.write_text(json.dumps(dict.fromkeys(CASES, 1.0) | {CASES[3]: 100.0}))
    outcome = part(bench, 1, 2)
    assert outcome.code == 0, outcome.text
    assert {row.group for row in read_journal(bench.folder / "part-1.jsonl").rows.values()} == {CASES[3]}
    done = command(bench.folder, "fleet", "run.jsonl", "--hosts", "1,2,1000")
    assert re.search(r"^ +1000 .* s ", done.stdout, re.MULTILINE), done.stdout
    path.write_text("[1]")
    outcome = part(bench, 2, 2)
    assert (outcome.code, "durations" in outcome.text, "Traceback" in outcome.text) == (4, True, False)


@pytest.mark.parametrize("text", ["[]", "{", '{"a": "x"}', '{"a": -1}', '{"a": NaN}', "[" * 10_000])
def test_durations_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(BadInput, match="write it with pytest-formfunc durations"):
        read_durations(tmp_path / "d.json")


def test_without_durations_nothing_is_known(tmp_path):
    assert read_durations(tmp_path / "absent.json") == {}


SMALL = ("--formfunc-patterns=plain,pointwise", "--formfunc-depths=1", "--formfunc-widths=8",
         "--formfunc-input=1x3x32x32", "--formfunc-budget=300ms", "--formfunc-precision=20%", "--formfunc-servers=3",
         "--formfunc-threads=1")  # fmt: skip


def environment(bench, *options, **more):
    path = f"{Path(sys.executable).parent}:{users_environment()['PATH']}"
    added = " ".join([*SMALL, *FOR_WORKERS, f"--formfunc-cache-dir={bench.cache}", *options])
    return users_environment() | {"PATH": path, "PYTHONPATH": str(ROOT / "tests"), "PYTEST_ADDOPTS": added} | more


@pytest.mark.engine
def test_the_slurm_script_does_its_parts(bench):
    """Each number of the array in turn, as Slurm would on a machine each; a second try continues its part."""
    bench.write("bench/test_forms.py", MATRIX)
    for index in ("1", "2", "2"):
        done = subprocess.run(
            ["bash", ROOT / "examples" / "fleet" / "slurm.sh"], cwd=bench.folder, capture_output=True, text=True, check=False,
            env=environment(bench, "--benchmark-disable", SLURM_ARRAY_TASK_ID=index, SLURM_ARRAY_TASK_COUNT="2", SLURM_SUBMIT_DIR=str(bench.folder)),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 rows are taken over" in done.stdout
    done = command(bench.folder, "merge", "part-1.jsonl", "part-2.jsonl", "--strict")
    assert done.returncode == 0, done.stderr
