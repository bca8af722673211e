"""The file that keeps the best pace of a machine's last runs."""

import json
import math

import pytest

from pytest_formfunc.measure.pace_history import FILE, RUNS, PaceHistory


def test_it_is_the_best_of_the_last_runs(tmp_path):
    """A machine that has become slower is taken for what it is after some runs."""
    history = PaceHistory(tmp_path / "new", "here")
    assert history.best() == math.inf
    history.add(0.001)
    for _ in range(RUNS - 1):
        history.add(0.003)
    assert PaceHistory(tmp_path / "new", "here").best() == 0.001
    history.add(0.003)
    assert history.best() == 0.003


def test_each_machine_has_its_own(tmp_path):
    """A cache may be carried from one machine to another."""
    here, there = PaceHistory(tmp_path, "here"), PaceHistory(tmp_path, "there")
    here.add(0.001)
    there.add(0.002)
    here.add(0.003)
    assert (here.best(), there.best()) == (0.001, 0.002)
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "7", '{"here": 5}', '{"here": {"a": 1}}', '{"here": [null, "0.1", true, -1, 0, NaN, Infinity]}',
        "\0\xff", "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_file_is_no_history(tmp_path, content):
    """It is replaced when the next run ends."""
    (tmp_path / FILE).write_text(content, encoding="latin-1")
    history = PaceHistory(tmp_path, "here")
    assert history.best() == math.inf
    history.add(0.001)
    assert history.best() == 0.001
    assert json.loads((tmp_path / FILE).read_text()) == {"here": [0.001]}


def test_a_folder_that_cannot_be_written_keeps_none(tmp_path):
    """A cache may be read-only; here its place is taken by a file."""
    (tmp_path / "file").write_text("")
    history = PaceHistory(tmp_path / "file", "here")
    history.add(0.001)
    assert history.best() == math.inf
