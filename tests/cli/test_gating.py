"""What a gate judges by the journal alone, and what a merge without anything to judge is."""

import pytest
from support.command import command
from support.pools import compared

from pytest_formfunc.cli.gating import _judge, _lost_together, _outputs
from pytest_formfunc.journal.lines import COMPLETE, Header, Row, Shard
from pytest_formfunc.journal.writing import JournalWriter


def journal(path, **header):
    writer = JournalWriter(path, Header("run", "2026-01-01T00:00:00", "project", "machine", **header))
    writer.end(COMPLETE)
    writer.close()
    return path


@pytest.mark.parametrize(("asked", "red"), [("1/2", False), (" 1/2 ", False), ("", True), ("2/2", True)])
def test_a_part_is_none_of_the_whole(tmp_path, asked, red):
    """Only the part that was asked for is left to a merge: options, or code of the change, may have divided the run."""
    path = journal(tmp_path / "run.jsonl", title="main", shard=Shard(1, 2, "plan"))
    faults, _ = _judge(path, asked)
    assert [fault.sentence for fault in faults] == (
        ["only part 1/2 was measured, which --shard does not ask for"] if red else []
    )


def test_a_run_that_compared_nothing_is_red(tmp_path):
    faults, found = _judge(journal(tmp_path / "run.jsonl"), "")
    assert "nothing was compared" in [fault.sentence for fault in faults]
    expected = {"outcome": "failed", "regressed": 0, "together": 0, "compared": 0, "base": "abc"}
    assert _outputs(found, "abc", 0, red=True) == expected


@pytest.mark.parametrize(("fail_on", "together"), [(("loss",), 1), (("gain",), 0)])
def test_a_loss_that_rows_share_is_counted_where_it_fails_their_tests(tmp_path, fail_on, together):
    """No row regressed, so that without this count a job would be red for nothing that its outputs say."""
    writer = JournalWriter(
        tmp_path / "run.jsonl", Header("run", "2026-01-01T00:00:00", "project", "machine", title="v1")
    )
    for size in (2, 4, 8):
        record = compared("fire", size, 0.025, turn=size)
        writer.add(Row(record, "identity", group=record.case, fail_on=fail_on))
    writer.end(COMPLETE)
    writer.close()
    _, found = _judge(tmp_path / "run.jsonl", "")
    names = _lost_together(found)
    assert len(names) == together
    outputs = _outputs(found, "abc", len(names), red=True)
    assert (outputs["regressed"], outputs["together"], outputs["compared"]) == (0, together, 3)


def test_parts_without_any_case_are_no_green_whole(tmp_path):
    """Each is complete and empty; together they have judged nothing."""
    parts = [journal(tmp_path / f"{index}.jsonl", title="main", shard=Shard(index, 2, "plan")) for index in (1, 2)]
    strict = command("merge", *parts, "--strict")
    assert strict.code == 1
    assert "nothing was compared, which --strict does not pass" in strict.text
