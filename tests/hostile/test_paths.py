"""What somebody names that is no file, or cannot be looked at, and output that nobody reads: one sentence, exit code 4."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from support.command import command
from support.records import record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.programs import check_program
from pytest_formfunc.forms.users import parse_model
from pytest_formfunc.journal.lines import Header
from pytest_formfunc.journal.reading import end_of_whole_lines, read_journal
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.plugin.sharding import read_durations
from pytest_formfunc.report.files import check_report_path, write_whole

LONG = "x" * 300
CLI = [sys.executable, "-m", "pytest_formfunc.cli"]


@pytest.fixture
def saved(tmp_path):
    """A run as pytest-benchmark saves it, and one that is three times slower."""
    paths = []
    for name, speedup in (("then", 3.0), ("now", 1.0)):
        rows = [record(0.01 / speedup, 0.01, case=f"{name_of}-größe").to_json() for name_of in ("a", "b")]
        paths.append(tmp_path / f"{name}.json")
        entries = [{"fullname": row["case"], "stats": {"mean": 1.0}, "extra_info": {"formfunc": row}} for row in rows]
        paths[-1].write_text(json.dumps({"machine_info": {}, "benchmarks": entries}))
    return paths


@pytest.mark.parametrize("name", ["show", "verify", "durations", "merge", "history"])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_pipe_is_no_file(tmp_path, name, ending):
    """Who opens one waits for a writer."""
    os.mkfifo(tmp_path / f"f.{ending}")
    done = command(name, tmp_path / f"f.{ending}")
    assert (done.code, "it is a pipe or a device, and no file" in done.text) == (4, True), done.text
    assert command("runs", tmp_path).code == 0
    with pytest.raises(BadInput, match="no file"):
        read_durations(tmp_path / f"f.{ending}")


@pytest.mark.parametrize("path", [f"{LONG}.onnx", f"{LONG}.pt2", f"hf:{LONG}", "loop/x.onnx"])
def test_what_cannot_be_looked_at_is_named(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BadInput) as found:
        parse_model(path)
    assert len(str(found.value)) < 300


def test_a_place_for_a_report_that_cannot_be_looked_at(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BadInput):
        check_report_path(tmp_path / LONG / "x.html")
    with pytest.raises(OSError, match="loop"):
        write_whole(tmp_path / "loop" / "x.html", "")
    assert command("runs", tmp_path / LONG).code == 4


def test_a_compressed_program_is_refused_before_it_is_read(tmp_path):
    """Four megabytes may hold four gigabytes; torch writes programs without compressing them."""
    with zipfile.ZipFile(tmp_path / "a.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/archive_format", "pt2")
        archive.writestr("a/data/sample_inputs/model.pt", bytes(10**8))
    with pytest.raises(BadInput, match="is compressed, which torch"):
        check_program(tmp_path / "a.pt2")


def test_the_verdict_is_the_exit_code_whoever_reads(saved):
    """A reader that has enough, as head; a full disk; a terminal that lacks a letter."""
    shown = [*CLI, "compare", *map(str, saved)]
    alone = subprocess.run(shown, capture_output=True, check=False)
    assert alone.returncode == 1, alone.stderr
    for unbuffered in ("", "1"):
        env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        process = subprocess.Popen(shown, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        process.stdout.close()
        _, errors = process.communicate()
        assert (process.returncode, b"Traceback" in errors) == (1, False), errors
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*CLI, "show", str(saved[0])], stdout=full, stderr=subprocess.PIPE, env=env, check=False
            )
        assert (done.returncode, b"the output cannot be written: No space left" in done.stderr) == (4, True), (
            done.stderr
        )
    done = subprocess.run(
        [*CLI, "show", str(saved[0])], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False
    )
    assert (done.returncode, b"gr\\xf6" in done.stdout) == (0, True), done.stderr


def test_a_journal_whose_first_line_does_not_fit_is_not_begun(tmp_path, monkeypatch):
    """A disk that is nearly full takes a part of it at first."""
    real = os.write

    def write(file, content):
        return real(file, content[:100]) if len(content) > 100 else real(file, content)

    monkeypatch.setattr(os, "write", write)
    header = Header("r", "2026", "nets", "here", tests=tuple(f"test_{index}" for index in range(99)))
    JournalWriter(tmp_path / "one.jsonl", header).close()
    assert read_journal(tmp_path / "one.jsonl").header == header


@pytest.mark.parametrize("last", [b'{"new": 1}', b"0", b"{"])
def test_what_reading_leaves_out_continuing_cuts_off(tmp_path, last):
    """Else the line would be damage in the middle."""
    path = tmp_path / "one.jsonl"
    JournalWriter(path, Header("r", "2026", "nets", "here")).close()
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(last + b"\n")
    assert read_journal(path).dropped
    assert end_of_whole_lines(path) == whole
    shutil.copy(path, tmp_path / "two.jsonl")
    JournalWriter(path, None).close()
    assert not read_journal(path).dropped
