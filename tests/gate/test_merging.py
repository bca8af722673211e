"""Parts of a run put together: nothing twice, nothing missing without a word, judged once."""

from dataclasses import replace

import pytest
from support.records import record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.decision import LOCKS
from pytest_formfunc.gate.merging import SEVERAL, judge_whole, merge, why_red
from pytest_formfunc.gate.saved import SAVED
from pytest_formfunc.journal.lines import COMPLETE, Header, Journal, Row, Shard
from pytest_formfunc.records.parts import MISSED, Limit, Verdict

CASES = [f"plain-d{depth}-w8" for depth in (1, 2, 3, 4)]
PLANNED = tuple((case, "openvino") for case in CASES)
UNCHANGED = Verdict("unchanged", 0.1, None, "it is unchanged")
REGRESSED = Verdict("regressed", 0.1, None, "it lost speedup")


def row(case, verdict=UNCHANGED, **changes):
    return Row(record(0.001, case=case, verdict=verdict, **changes), "identity", group=case, fail_on=("loss",))


def part(index, *rows, of=2, ended=COMPLETE, failures=(), **changes):
    header = Header(
        f"run-{index}", "2026", "nets", "here", "main", tuple(row.record.key for row in rows),
        shard=Shard(index, of, "plan"), part_of_all=PLANNED,
    )  # fmt: skip
    return Journal(
        replace(header, **changes), {row.record.key: row for row in rows}, dict(failures), ended=ended
    )  # fmt: skip


def two(**changes):
    return {"a": part(1, *map(row, CASES[:2])), "b": part(2, *map(row, CASES[2:]), **changes)}


def test_all_parts_are_the_whole():
    merged = merge(two())
    assert list(merged.rows) == list(PLANNED)
    assert (merged.faults, why_red(merged, merged.rows, strict=True)) == ([], [])
    assert (merged.header.shard, merged.header.planned) == (None, PLANNED)


def test_a_missing_part_is_named_and_red_if_strict():
    merged = merge({"a": two()["a"]})
    assert merged.faults == [
        "part 2/2 is missing",
        f"2 of 4 tests have no row ({CASES[2]} on openvino, {CASES[3]} on openvino)",
    ]
    assert why_red(merged, merged.rows, strict=False) == []
    assert why_red(merged, merged.rows, strict=True)[0] == "part 2/2 is missing, which --strict does not pass"


def test_a_part_that_is_there_twice_counts_once():
    merged = merge(two() | {"c": part(1, *map(row, CASES[:2]))})
    assert merged.faults == ["part 1/2 is there twice, as a and c"]
    assert len(merged.rows) == 4
    assert len(why_red(merged, merged.rows, strict=True)) == 1


def test_parts_that_overlap_are_named():
    merged = merge({**two(), "b": part(2, row(CASES[0], REGRESSED), *map(row, CASES[2:]))})
    assert merged.faults == [f"{CASES[0]} on openvino of part 2/2 are there already: parts overlap"]
    assert merged.rows[PLANNED[0]].record.verdict == UNCHANGED


def test_what_no_part_measures_is_red_if_strict():
    """What the other revision has, tests that were left out, and what a saved run has."""
    merged = merge(two(missing=("gone on openvino",), deselected=3))
    assert merged.faults == [
        "gone on openvino is missing: it is there in main and no part measures it",
        "3 measuring tests were deselected",
    ]
    records = {("gone", "openvino"): record(0.001, case="gone"), PLANNED[0]: record(0.001, case=CASES[0])}
    alone = {key: (one,) for key, one in records.items()}
    judge_whole(merged, Baseline("saved", records, {}, alone, alone), None)
    assert merged.faults[-1] == "gone on openvino of saved are in no part"


def test_a_row_is_judged_by_the_threshold_of_its_test():
    """Unless another one is given."""
    merged = merge(two())
    records = {key: record(0.00094, case=key[0]) for key in PLANNED}
    alone = {key: (one,) for key, one in records.items()}
    baseline = Baseline("saved", records, {}, alone, alone)
    merged.rows[PLANNED[0]] = replace(merged.rows[PLANNED[0]], threshold=0.004)
    thresholds = [judge_whole(merged, baseline, given)[PLANNED[0]].record.verdict.threshold for given in (None, 0.3)]
    assert thresholds == [0.004, 0.3]


def test_an_engine_that_cannot_take_a_case_is_no_failure_where_the_best_is_asked_for():
    parts = two(failures={(CASES[3], "openvino"): "it does not convert"}, best=True)
    parts["a"].header = replace(parts["a"].header, best=True)
    del parts["b"].rows[PLANNED[3]]
    merged = merge(parts)
    assert why_red(merged, merged.rows, strict=False) == []


def test_files_of_workers_beside_their_runs_are_read_with_it():
    parts = two()
    parts["b.gw0"] = part(2, row(CASES[2]), worker="gw0", run="run-2")
    assert merge(parts).faults == []


def test_rows_that_a_continued_part_does_not_plan_any_more_are_left_out():
    parts = two()
    parts["b"].rows["old", "openvino"] = row("old")
    assert list(merge(parts).rows) == list(PLANNED)


def test_a_part_that_did_not_end_is_named():
    merged = merge(two(ended=""))
    assert merged.faults == ["part 2/2 (b) did not end: it has 2 rows"]


def test_a_loss_in_any_part_fails_the_whole():
    """Unless its test does not fail on a loss."""
    parts = two()
    parts["b"].rows[PLANNED[2]] = row(CASES[2], REGRESSED)
    merged = merge(parts)
    assert why_red(merged, merged.rows, strict=False) == ["it lost speedup"]
    parts["b"].rows[PLANNED[2]] = replace(row(CASES[2], REGRESSED), fail_on=("gain",))
    merged = merge(parts)
    assert why_red(merged, merged.rows, strict=False) == []


def test_a_missed_limit_and_a_case_that_was_not_measured_fail_the_whole():
    parts = two(failures={(CASES[3], "openvino"): "it does not convert"})
    del parts["b"].rows[PLANNED[3]]
    missed = Limit("min_speedup", 20.0, MISSED, "it is below its floor")
    parts["a"].rows[PLANNED[0]] = row(CASES[0], limits=(missed,))
    merged = merge(parts)
    assert merged.faults == []
    assert why_red(merged, merged.rows, strict=False) == [
        "it is below its floor", f"{CASES[3]} on openvino was not measured: it does not convert",
    ]  # fmt: skip


def test_what_has_no_verdict_is_red_if_strict():
    parts = two()
    parts["a"].rows[PLANNED[0]] = row(CASES[0], None)
    merged = merge(parts)
    assert why_red(merged, merged.rows, strict=True) == [
        f"{CASES[0]} on openvino have no verdict, which --strict does not pass"
    ]


def test_only_inconclusive_verdicts_are_red_if_strict():
    unsure = Verdict("inconclusive", 0.1, None, "it is unclear")
    parts = {name: part(index, *(row(case, unsure) for case in some)) for name, index, some in [("a", 1, CASES[:2]), ("b", 2, CASES[2:])]}  # fmt: skip
    merged = merge(parts)
    assert why_red(merged, merged.rows, strict=True) == ["every verdict is inconclusive, which --strict does not pass"]
    assert why_red(merged, merged.rows, strict=False) == []


def test_machines_stay_apart():
    """Each has its own rows, and a row is compared with one of its own machine only."""
    parts = two()
    parts["b"].rows[PLANNED[2]] = row(CASES[2], None, fingerprint="there", host={"cpu": "other", "versions": {}})
    merged = merge(parts)
    assert {name: len(rows) for name, rows in merged.machines.items()} == {"here": 3, "there": 1}
    assert merged.header.fingerprint == SEVERAL
    records = {key: record(0.001, case=key[0]) for key in PLANNED}
    alone = {key: (one,) for key, one in records.items()}
    rows = judge_whole(merged, Baseline("saved", records, {}, alone, alone), 0.1)
    statuses = [rows[key].record.verdict.status for key in PLANNED]
    assert statuses[2] == "not comparable"
    assert "not comparable" not in [statuses[0], statuses[1], statuses[3]]


def test_all_parts_of_a_merged_run_say_how_much_runs_differ():
    """Of one saved run a loss of 30% may be noise; beside fifteen rows of other parts it is not."""
    names = [f"plain-d{depth}-w8" for depth in range(1, 17)]
    records = {(name, "openvino"): record(0.001, case=name, draw=at) for at, name in enumerate(names)}
    saved = Baseline("saved", records, {}, *[{key: (one,) for key, one in records.items()}] * 2)

    def judged(count):
        now = {(name, "openvino"): row(name, draw=300 + at) for at, name in enumerate(names[-count:])}
        first = names[-count]
        now[first, "openvino"] = Row(record(0.001 / 0.7, case=first), "identity")
        merged = merge(two())
        merged.rows = now
        return judge_whole(merged, saved, 0.1)[first, "openvino"].record.verdict.status

    assert (judged(15), judged(16)) == ("inconclusive", "regressed")


def test_a_merged_run_is_judged_against_a_saved_one():
    merged = merge(two())
    records = {key: record(0.0003, case=key[0]) for key in PLANNED}
    alone = {key: (one,) for key, one in records.items()}
    rows = judge_whole(merged, Baseline("saved", records, {}, alone, alone), 0.1)
    assert {one.record.verdict.status for one in rows.values()} == {"regressed"}
    assert len(why_red(merged, rows, strict=False)) == 4


@pytest.mark.parametrize(("means", "meaning"), [("found", SAVED.meaning), ("measured", "at least that fails")])
def test_a_merged_run_is_judged_by_what_the_threshold_means(means, meaning):
    merged = merge(two())
    records = {key: record(0.0003, case=key[0]) for key in PLANNED}
    alone = {key: (one,) for key, one in records.items()}
    rows = judge_whole(merged, Baseline("saved", records, {}, alone, alone), 0.1, LOCKS[means])
    assert all(meaning in one.record.verdict.reason for one in rows.values())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"shard": None}, "journal b is no part of a run: merge those that --formfunc-shard wrote"),
        ({"project": "other"}, "journal b is of project 'other', and a is of 'nets'"),
        ({"shard": Shard(2, 2, "x")}, "journals a and b are parts of different runs"),
        ({"shard": Shard(2, 3, "plan")}, "journals a and b are parts of different runs"),
    ],
)
def test_what_is_no_part_of_this_run_is_refused(changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        merge(two(**changes))
