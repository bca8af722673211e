"""The journal on disk: what is written is there whole, and what is read is what was written."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from support.records import record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.journal.folder import (
    collect_parts,
    list_journals,
    newest_unfinished,
    part_of,
    parts_of,
    read_with_parts,
    remove_old,
    why_not_continued,
)
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED, Failure, Header, Row, Shard
from pytest_formfunc.journal.naming import new_run_name
from pytest_formfunc.journal.project import project_name
from pytest_formfunc.journal.reading import is_journal, parse_journal, read_journal
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.records.parts import Verdict

FIRST = record(0.001)
SECOND = record(0.002, case="fire-d2-w64")
HEADER = Header(
    "20260101T000000Z-abc", "2026-01-01T00:00:00+00:00", "nets", "here", "main", (FIRST.key, SECOND.key), ("t.py::a", "t.py::b")
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "one.jsonl"


def written(path, *rows, header=HEADER, how=None, resume=False):
    writer = JournalWriter(path, None if resume else header)
    if resume:
        writer.go_on(header)
    for row in rows:
        writer.add(row)
    if how is not None:
        writer.end(how)
    writer.close()
    return path


def test_what_is_read_is_what_was_written(path):
    """The header with all that it has, rows, and how the run ended."""
    header = replace(
        HEADER, shard=Shard(3, 8, "plan"), part_of_all=(FIRST.key,), worker="gw0", fail_on=("gain",), deselected=2,
        missing=("x on y",), best=True,
    )  # fmt: skip
    rows = [Row(FIRST, "identity", "t.py::a", "group", 1.5, 2.5, ("loss", "gain"), 0.05), Row(SECOND, "other")]
    journal = read_journal(written(path, *rows, header=header, how=COMPLETE))
    assert journal.header == header
    assert list(journal.rows.values()) == rows
    assert (journal.ended, journal.dropped, journal.continued) == (COMPLETE, False, 0)


def test_the_last_row_of_a_case_and_backend_counts(path):
    """A verdict comes later than the record; nothing is there twice, and the same row is not written twice."""
    judged = replace(FIRST, verdict=Verdict("unchanged", 0.1, None, "it is"))
    journal = read_journal(written(path, Row(FIRST, "i"), Row(judged, "i"), Row(judged, "i")))
    assert len(journal.rows) == 1
    assert journal.rows[FIRST.key].record.verdict.status == "unchanged"
    assert len(path.read_text().splitlines()) == 3


def test_a_failure_goes_once_the_case_is_measured(path):
    """And a row goes where its case failed later."""
    writer = JournalWriter(path, HEADER)
    writer.fail(Failure(*FIRST.key, "no"))
    assert read_journal(path).failures == {FIRST.key: "no"}
    writer.add(Row(FIRST, "i"))
    assert (read_journal(path).failures, list(read_journal(path).rows)) == ({}, [FIRST.key])
    writer.fail(Failure(*FIRST.key, "later"))
    writer.close()
    assert (read_journal(path).failures, read_journal(path).rows) == ({FIRST.key: "later"}, {})


@pytest.mark.parametrize("half", [b'{"record": {"schema"', b"\0\0\0\0x", b"{"])
def test_a_half_line_at_the_end_is_left_out_and_removed_when_the_run_goes_on(path, half):
    """Wherever the write was cut off."""
    written(path, Row(FIRST, "i"))
    with path.open("ab") as file:
        file.write(half)
    journal = read_journal(path)
    assert (journal.dropped, list(journal.rows)) == (True, [FIRST.key])
    journal = read_journal(written(path, Row(SECOND, "i"), resume=True, how=COMPLETE))
    assert (journal.dropped, list(journal.rows), journal.continued) == (False, [FIRST.key, SECOND.key], 1)


def test_every_cut_of_a_journal_can_be_read_or_is_refused_in_a_sentence(path):
    """Rows that are whole are there, and no cut gives another error than that there is no first line."""
    content = written(path, Row(FIRST, "i"), Row(SECOND, "i"), how=COMPLETE).read_bytes()
    ends = [index + 1 for index, byte in enumerate(content) if byte == 10]
    for cut in [*range(0, len(content), 97), *ends]:
        if cut < ends[0]:
            with pytest.raises(BadInput, match="is not a journal"):
                parse_journal(content[:cut], "one")
            continue
        whole = sum(end <= cut for end in ends) - 1
        journal = parse_journal(content[:cut], "one")
        assert len(journal.rows) == min(whole, 2)
        assert journal.dropped == (cut not in ends)


def test_a_damaged_line_in_the_middle_is_refused(path):
    """It is not a cut-off write, so nothing after it is to be trusted either."""
    lines = written(path, Row(FIRST, "i"), Row(SECOND, "i")).read_text().splitlines()
    lines[1] = lines[1][:100]
    with pytest.raises(BadInput, match=r"journal x is damaged: line 2 is no line of a journal; remove that line"):
        parse_journal("\n".join([*lines, ""]).encode(), "x")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a journal"),
        ("[1, 2]\n", "is not a journal"),
        ('{"journal": 2}\n', "is a journal of schema 2, and this version reads 1"),
        ('{"journal": 1, "run": 7}\n', "whose first line is damaged"),
        ("\xff\n", "is not a journal"),
        ("[" * 100_000 + "\n", "is not a journal"),
    ],
)
def test_what_is_no_journal_is_refused(text, sentence):
    with pytest.raises(BadInput, match=sentence):
        parse_journal(text.encode("latin-1"), "x")


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "0.0", "-0.25"])
def test_a_time_that_no_call_takes_is_refused(path, bad):
    """In a record, wherever it stands; NaN is what Python's own reader takes for a number."""
    rounds = f"{FIRST.samples.median[0][0]!r}"
    text = written(path, Row(FIRST, "i"), Row(SECOND, "i")).read_text()
    assert rounds in text
    sentence = r"journal x has a damaged formfunc entry \(ValueError: a latency of samples is "
    with pytest.raises(BadInput, match=sentence + bad.lower().removesuffix("inity")):
        parse_journal(text.replace(rounds, bad, 1).encode(), "x")


@pytest.mark.parametrize("name", ["preparing_s", "measuring_s"])
def test_a_line_whose_case_took_less_than_no_time_is_no_line(path, name):
    """Parts of a run are planned by these times."""
    text = written(path, Row(FIRST, "i", **{name: 2.5}), Row(SECOND, "i")).read_text()
    assert f'"{name}": 2.5' in text
    with pytest.raises(BadInput, match="line 2 is no line of a journal"):
        parse_journal(text.replace(f'"{name}": 2.5', f'"{name}": -2.5').encode(), "x")


def test_a_record_of_another_schema_is_refused(path):
    text = written(path, Row(FIRST, "i")).read_text().replace('"schema": 1', '"schema": 9')
    with pytest.raises(BadInput, match="journal x has formfunc schema 9, this version reads 1"):
        parse_journal(text.encode(), "x")


def test_a_file_that_is_there_is_not_begun_anew(path):
    """What was measured is not lost."""
    written(path, Row(FIRST, "i"))
    with pytest.raises(BadInput, match=r"exists: continue it with --formfunc-resume, or name another file"):
        JournalWriter(path, HEADER)
    assert list(read_journal(path).rows) == [FIRST.key]


def test_a_run_that_is_interrupted_while_it_begins_its_journal_says_so(path, monkeypatch):
    """Its file is there, and nobody has the writer that could end it."""

    def interrupted(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_formfunc.journal.writing._sync_folder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        JournalWriter(path, HEADER)
    assert read_journal(path).ended == INTERRUPTED
    monkeypatch.undo()
    JournalWriter(path, None).close()  # and it is unlocked


def test_one_run_at_a_time_writes_a_journal(path):
    writer = JournalWriter(path, HEADER)
    with pytest.raises(BadInput, match="is being written by another run"):
        JournalWriter(path, None)
    (one,) = list_journals(path.parent)
    assert one.state == "running"
    writer.close()
    assert list_journals(path.parent)[0].state == "stopped"


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        JournalWriter(tmp_path / "file" / "one.jsonl", HEADER)


def test_a_full_disk_leaves_whole_lines_and_says_so(path):
    """The limit on the size of files stands for it: a line that does not fit is not there, and the run goes on."""
    code = f"""
        import resource, signal
        from support.records import record
        from pytest_formfunc.journal.lines import Row
        from pytest_formfunc.journal.writing import JournalWriter
        import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_journal import FIRST, SECOND, HEADER
        from pathlib import Path
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        writer = JournalWriter(Path({str(path)!r}), HEADER)
        writer.add(Row(FIRST, "i"))
        full = Path({str(path)!r}).stat().st_size + 100
        resource.setrlimit(resource.RLIMIT_FSIZE, (full, full))
        writer.add(Row(SECOND, "i"))
        writer.end("complete")
        print(writer.problem)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == f"journal {path} cannot be written: File too large"
    journal = read_journal(path)
    assert (list(journal.rows), journal.dropped, journal.ended) == ([FIRST.key], False, "")


def test_rows_of_workers_are_found_beside_the_journal(path):
    """A run that was killed may not have collected them; what was written later counts, a failure too."""
    written(path, Row(FIRST, "i"), Row(SECOND, "i"))
    assert part_of(path, "gw0").name == "one.gw0.jsonl"
    judged = replace(FIRST, verdict=Verdict("unchanged", 0.1, None, "it is"))
    writer = JournalWriter(part_of(path, "gw0"), replace(HEADER, worker="gw0"))
    writer.add(Row(judged, "i"))
    writer.fail(Failure(*SECOND.key, "no"))
    writer.close()
    assert parts_of(path) == [part_of(path, "gw0")]
    journal = read_with_parts(path)
    assert journal.rows[FIRST.key].record.verdict is not None
    assert (list(journal.rows), journal.failures) == ([FIRST.key], {SECOND.key: "no"})
    assert [one.path for one in list_journals(path.parent)] == [path]


def test_an_earlier_row_of_a_worker_does_not_replace_a_later_one(path):
    written(part_of(path, "gw0"), Row(replace(FIRST, batch=7), "i"))
    written(path, Row(FIRST, "i"))
    assert read_with_parts(path).rows[FIRST.key].record == FIRST


def test_a_row_is_later_though_the_clock_was_set_back(path, monkeypatch):
    """Of a worker of the run that goes on, and within one file."""
    written(path, Row(FIRST, "i"))
    monkeypatch.setattr("time.time", lambda: 1000.0)
    newer = replace(FIRST, batch=7)
    writer = JournalWriter(part_of(path, "gw0"), replace(HEADER, worker="gw0"), read_journal(path).last_time)
    writer.add(Row(newer, "i"))
    writer.close()
    assert read_with_parts(path).rows[FIRST.key].record == newer
    assert read_with_parts(path).last_time > read_journal(path).last_time


def test_what_workers_have_written_is_collected_before_their_files_go(path):
    written(path, Row(FIRST, "i"))
    written(part_of(path, "gw0"), Row(SECOND, "i"))
    writer = JournalWriter(path, None)
    collect_parts(path, read_with_parts(path), writer)
    writer.close()
    assert parts_of(path) == []
    assert list(read_journal(path).rows) == [FIRST.key, SECOND.key]


def test_an_empty_line_does_not_cut_a_journal_off(path):
    """As an editor leaves it where a damaged line was."""
    lines = written(path, Row(FIRST, "i"), Row(SECOND, "i")).read_text().splitlines()
    path.write_text("\n".join([lines[0], "", *lines[1:], ""]))
    written(path, resume=True, how=COMPLETE)
    assert list(read_journal(path).rows) == [FIRST.key, SECOND.key]


def test_the_newest_run_that_did_not_end_is_continued(tmp_path):
    """Not one of another project, machine or shard, nor one before a run that is complete."""
    for name, how, project in [("1", None, "nets"), ("2", INTERRUPTED, "nets"), ("3", None, "other")]:
        written(tmp_path / f"{name}.jsonl", Row(FIRST, "i"), header=replace(HEADER, project=project), how=how)
    path, journal = newest_unfinished(tmp_path, HEADER)
    assert (path.name, list(journal.rows)) == ("2.jsonl", [FIRST.key])
    written(tmp_path / "4.jsonl", Row(FIRST, "i"), how=COMPLETE)
    assert newest_unfinished(tmp_path, HEADER) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"project": "other"}, "is of project 'other', and this is 'nets'"),
        ({"fingerprint": "there"}, "is of another machine (there, and this is here)"),
        ({"shard": Shard(1, 2, "p")}, "is of shard 1/2, and this is none"),
        ({}, None),
    ],
)
def test_a_journal_of_something_else_is_not_continued(changes, sentence):
    assert why_not_continued(replace(HEADER, **changes), HEADER) == sentence


def test_a_part_of_another_plan_is_not_continued():
    """Other cases or settings; before tests are collected nobody knows the plan."""
    mine = replace(HEADER, shard=Shard(1, 2, "a"))
    assert why_not_continued(replace(HEADER, shard=Shard(1, 2, "b")), mine).startswith("is of a run with other cases")
    assert why_not_continued(mine, mine) is None
    assert why_not_continued(mine, replace(HEADER, shard=Shard(1, 2, ""))) is None


def test_old_journals_of_complete_runs_are_removed(tmp_path):
    """The others can still be continued."""
    for number in range(6):
        written(tmp_path / f"{number}.jsonl", Row(FIRST, "i"), how=None if number == 0 else COMPLETE)
    written(part_of(tmp_path / "1.jsonl", "gw0"), Row(FIRST, "i"))
    remove_old(tmp_path, kept=3)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["0.jsonl", "3.jsonl", "4.jsonl", "5.jsonl"]


def test_names_of_runs_sort_by_time_and_differ():
    names = [new_run_name() for _ in range(20)]
    assert len(set(names)) == 20
    assert len({name[:16] for name in names}) <= 2


def test_a_journal_is_known_by_its_name_or_its_start(path, tmp_path):
    assert is_journal(path)
    assert is_journal(written(tmp_path / "one.txt"))
    (tmp_path / "saved.json").write_text('{"benchmarks": []}')
    assert not is_journal(tmp_path / "saved.json")
    assert not is_journal(tmp_path / "absent.json")


def test_a_project_has_the_name_of_its_origin_or_its_folder(tmp_path):
    """So it is the same on machines that keep it in folders of other names."""
    assert project_name(tmp_path) == tmp_path.name
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", "https://example.org/a/nets.git"], check=True)
    assert project_name(tmp_path) == "nets"


def test_every_line_is_on_the_disk_before_the_next_step(path, monkeypatch):
    """Each is one fsync."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    written(path, Row(FIRST, "i"), Row(SECOND, "i"), how=COMPLETE)
    sizes = [len(line) + 1 for line in path.read_bytes().split(b"\n")[:-1]]
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    assert [size for size in synced if size in ends] == ends
    assert json.loads(path.read_text().splitlines()[-1]) == {"ended": COMPLETE}
