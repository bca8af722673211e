"""What cases lost together: which are pooled, what is told, and what is red; found by the real judge in simulations."""

import json
from dataclasses import replace

import pytest
from made_up import OTHER, MadeUp, NotingJudge
from support.pools import compared
from support.records import contended, native_record

from pytest_formfunc.gate.closing import faults_of
from pytest_formfunc.gate.decision import FOUND
from pytest_formfunc.gate.error_budget import FAMILY_ALPHA, POOLED_SHARE, Family, alpha_of_single
from pytest_formfunc.gate.judge import OtherSide
from pytest_formfunc.gate.judges import make_judge
from pytest_formfunc.gate.merging import judge_whole, merge, why_red
from pytest_formfunc.gate.pooled import pooled_losses, pooled_losses_of
from pytest_formfunc.journal.lines import COMPLETE, Header, Journal, Row, Shard
from pytest_formfunc.records import Record

FIRE, PLAIN = "fire", "plain"


def rows_of(*records, fail_on=("loss",)):
    return {one.key: Row(one, "identity", group=one.case, fail_on=fail_on) for one in records}


def header_of(rows, **changes):
    return Header("r", "2026", "nets", "here", "v1 (0123456789)", planned=tuple(rows), **changes)


def losses_of(*records, fail_on=("loss",), **changes):
    rows = rows_of(*records, fail_on=fail_on)
    return pooled_losses(header_of(rows, **changes), rows)


def names(losses):
    return [(one.name, one.fails) for one in losses]


def test_a_loss_that_all_cases_of_a_form_share_is_red_in_one_sentence():
    """None of them says so itself; the other form lost nothing, and dilutes what the backend lost."""
    fires = [compared(FIRE, size, loss, turn=size) for size, loss in ((2, 0.023), (4, 0.029), (8, 0.026))]
    plains = [compared(PLAIN, size, 0.0, status="unchanged", turn=size) for size in (2, 4, 8)]
    (loss,) = [one for one in losses_of(*fires, *plains) if one.fails]
    assert loss.name == "fire-openvino"
    assert loss.keys == tuple(one.key for one in fires)
    assert loss.claim.startswith("all 3 cases of fire on openvino together lost 2.6% (2.")
    assert loss.sentence == (
        f"{loss.claim} of their speedup against v1 (0123456789) (threshold 3%), which none of them "
        "shows by itself: from 2.3% in fire-d2-w8 to 2.9% in fire-d4-w8"
    )


def test_pools_of_thresholds_that_print_alike_have_names_of_their_own():
    """Else two tests would have one name."""
    close = [compared(FIRE, size, 0.2, threshold=0.05 + size * 1e-7, turn=size % 7) for size in (1, 2)]
    more = [compared(FIRE, size, 0.2, threshold=0.05 + (size - 2) * 1e-7, turn=size % 7) for size in (3, 4)]
    found = [one.name for one in losses_of(*close, *more)]
    assert found == ["fire-openvino-5%", "fire-openvino-5%-2"]


def test_a_real_loss_that_is_too_small_is_told_and_not_red():
    (loss,) = losses_of(*(compared(FIRE, size, 0.012, status="unchanged", turn=size) for size in (2, 4)))
    assert not loss.fails
    assert "together lost 1.2% (" in loss.sentence
    assert loss.sentence.endswith("it is real, and less than the 2.0% that count")


@pytest.mark.parametrize("loss", [0.0, -0.03])
def test_nothing_is_said_of_what_lost_nothing(loss):
    assert losses_of(*(compared(FIRE, size, loss, turn=size) for size in (2, 4, 8))) == []


def test_nothing_is_said_of_what_may_be_chance():
    """What servers do to all of them alike is as wide for three cases as for one."""
    assert losses_of(*(compared(FIRE, size, 0.025, scatter=0.06) for size in (2, 4, 8))) == []


@pytest.mark.parametrize(
    ("fires", "plains", "attentions", "pools"),
    [
        (2, 2, 2, ["fire-openvino", "plain-openvino", "attention-openvino", "openvino"]),
        (3, 1, 0, ["fire-openvino", "openvino"]),
        (3, 0, 0, ["fire-openvino"]),
        (1, 1, 1, ["openvino"]),
        (1, 0, 0, []),
    ],
)
def test_pools_are_forms_with_several_cases_and_then_the_backend(fires, plains, attentions, pools):
    """None has the members of another."""
    counts = ((FIRE, fires), (PLAIN, plains), ("attention", attentions))
    records = [compared(name, size, 0.025, turn=size) for name, count in counts for size in range(1, count + 1)]
    assert names(losses_of(*records)) == [(name, True) for name in pools]


def test_backends_are_not_pooled_together():
    records = [
        compared(FIRE, size, loss, backend=backend, turn=size)
        for backend, loss in (("openvino", 0.025), ("onnxruntime", 0.0))
        for size in (2, 4)
    ]
    assert names(losses_of(*records)) == [("fire-openvino", True)]


def test_comparisons_of_unlike_thresholds_are_not_pooled_together():
    """A loss that fails some of them may be none for others."""
    strict = [compared(FIRE, size, 0.025, turn=size) for size in (2, 4)]
    loose = [compared(FIRE, size, 0.025, threshold=0.2, turn=size) for size in (8, 16)]
    assert names(losses_of(*strict, *loose)) == [("fire-openvino-3%", True), ("fire-openvino-20%", False)]
    assert losses_of(strict[0], loose[0]) == []


def test_a_pool_whose_tests_do_not_fail_on_a_loss_is_told():
    """Those of one form that do not are no reason to let the others pass."""
    exempt = rows_of(*(compared(FIRE, size, 0.025, turn=size) for size in (2, 4)), fail_on=("gain",))
    held = rows_of(*(compared(FIRE, size, 0.025, turn=size) for size in (8, 16)))
    rows = exempt | held
    told, red = pooled_losses(header_of(rows), rows)
    assert (told.fails, red.fails) == (False, True)
    assert told.sentence.endswith("their tests do not fail on a loss")
    assert [one.sentence for one in faults_of(header_of(held), Journal(header_of(held), held), ended=COMPLETE, strict=False)] == [red.sentence]  # fmt: skip
    assert faults_of(header_of(exempt), Journal(header_of(exempt), exempt), ended=COMPLETE, strict=False) == []


def test_what_regressed_itself_or_claims_nothing_is_left_out():
    """The others still have to show it without them, and say that they are not all."""
    fires = [compared(FIRE, size, 0.025, turn=size) for size in (2, 4)]
    regressed = compared(FIRE, 8, 0.4, status="regressed")
    noisy = contended(compared(FIRE, 16, 0.4))
    (loss,) = losses_of(*fires, regressed, noisy)
    assert loss.keys == tuple(one.key for one in fires)
    assert loss.claim.startswith("2 of 4 cases of fire on openvino together lost 2.5%")
    assert loss.sentence.endswith("the others regressed themselves, or were measured too little")
    unchanged = [compared(FIRE, size, 0.0, status="unchanged", turn=size) for size in (2, 4)]
    assert losses_of(*unchanged, regressed, noisy) == []
    assert losses_of(fires[0], regressed) == []


def test_what_is_left_of_two_pools_is_told_once():
    """Without what regressed, the backend has no more cases than the form."""
    fires = [compared(FIRE, size, 0.025, turn=size) for size in (2, 4)]
    assert names(losses_of(*fires, compared(PLAIN, 2, 0.4, status="regressed"))) == [("fire-openvino", True)]


def test_a_case_with_few_servers_is_left_out():
    """It would leave the others only those."""
    fires = [compared(FIRE, size, 0.025, turn=size) for size in (2, 4)]
    few = compared(FIRE, 8, 0.025)
    judged = few.against.judged
    short = replace(judged, changes=judged.changes[:3], accelerated=judged.accelerated[:3], servers=(0, 1, 2))
    few = replace(few, against=replace(few.against, judged=short))
    (loss,) = losses_of(*fires, few)
    assert loss.keys == tuple(one.key for one in fires)


def test_records_without_noted_launches_and_other_verdicts_are_not_pooled():
    """Older files have none, nor have saved runs and the graph; what is new or not comparable was not judged."""
    fires = [compared(FIRE, size, 0.025, turn=size) for size in (2, 4)]
    older = [replace(one, against=replace(one.against, judged=None)) for one in fires]
    alone = [replace(one, against=None) for one in fires]
    unlike = [replace(one, verdict=replace(one.verdict, status="not comparable")) for one in fires]
    for others in (older, alone, unlike):
        assert losses_of(*others) == losses_of(fires[0], others[1]) == []
    assert len(losses_of(*fires, native_record(case="fire-d2-w8"))) == 1


def test_native_that_got_faster_is_no_loss_of_theirs():
    """As for a single comparison: the engine did not get slower."""
    fires = [
        compared(FIRE, size, 0.025, turn=size, accelerated=[0.001 * (at % 3 - 1) for at in range(12)])
        for size in (2, 4)
    ]
    (loss,) = losses_of(*fires)
    assert not loss.fails
    assert loss.sentence.endswith("it is only because native got faster, which is not a regression")


def test_another_environment_has_servers_of_its_own_and_fails_nothing():
    """What these have in common moves all cases together, and looks like a loss that they share."""
    fires = [compared(FIRE, size, 0.025, turn=size, own_servers=True) for size in (2, 4)]
    (loss,) = losses_of(*fires)
    assert not loss.fails
    assert loss.sentence.endswith("it may be of the other environment's own servers, and fails nothing")


def test_the_same_kernels_take_more_evidence():
    """Where all of them execute what they did: a quarter of the level, as for a single comparison."""
    sure = [compared(FIRE, size, 0.025, turn=size, same_kernels=True) for size in (2, 4)]
    (loss,) = losses_of(*sure)
    assert (
        "the engine executes the same kernels as before in all of them, so it took 4 times the evidence"
        in loss.sentence
    )
    assert "the same kernels" not in losses_of(sure[0], compared(FIRE, 4, 0.025, turn=4))[0].sentence

    def just(**changes):
        return losses_of(*(compared(FIRE, size, 0.025, scatter=0.0365, **changes) for size in (2, 4)))

    assert (names(just()), just(same_kernels=True)) == ([("fire-openvino", True)], [])


def test_more_pools_share_the_same_level():
    """What one pool just shows, it does not show beside many others."""
    pair = [compared(FIRE, size, 0.025, scatter=0.034) for size in (2, 4)]
    others = [compared(f"other{number}", size, 0.0, turn=size) for number in range(20) for size in (2, 4)]
    assert names(losses_of(*pair)) == [("fire-openvino", True)]
    assert losses_of(*pair, *others) == []


def test_what_the_threshold_means_decides():
    """A measured loss of the threshold at least, where that was asked for."""
    for loss, red in ((0.025, False), (0.032, True)):
        (found,) = losses_of(*(compared(FIRE, size, loss, turn=size, means="measured") for size in (2, 4)))
        assert found.fails == red


def test_rows_that_a_continued_run_does_not_plan_any_more_are_left_out():
    rows = rows_of(*(compared(FIRE, size, 0.025, turn=size) for size in (2, 4, 8)))
    planned = dict([*rows.items()][:2])
    assert pooled_losses(header_of(planned), rows)[0].keys == tuple(planned)
    assert pooled_losses(header_of(dict([*rows.items()][:1])), rows) == []


def test_a_record_that_was_saved_has_all_that_is_needed():
    """A saved run says less of its tests than a journal, and names the revision as it was given."""
    made = [compared(FIRE, size, 0.025, turn=size) for size in (2, 4)]
    (loss,) = pooled_losses_of(Record.from_json(json.loads(json.dumps(one.to_json()))) for one in made)
    assert loss.fails
    assert "of their speedup against main (threshold" in loss.sentence


def part(index, *records):
    rows = rows_of(*records)
    header = header_of(rows, shard=Shard(index, 2, "plan"), part_of_all=tuple(rows_of(*RECORDS)))
    return Journal(header, rows, ended=COMPLETE)


RECORDS = [compared(FIRE, size, 0.025, turn=size, process=f"machine {size % 4}") for size in (1, 2, 5, 6)]


def test_parts_of_a_run_are_judged_where_they_come_together():
    """A part has no pools of its own, and the whole has those of all machines."""
    parts = {"a": part(1, *RECORDS[:2]), "b": part(2, *RECORDS[2:])}
    assert all(pooled_losses(one.header, one.rows) == [] for one in parts.values())
    merged = merge(parts)
    (sentence,) = why_red(merged, merged.rows, strict=False)
    assert sentence.startswith("all 4 cases of fire on openvino together lost 2.5%")


def test_a_whole_that_is_compared_with_a_saved_run_has_no_pools():
    """What the rows of a run have in common cannot be told from a loss that they share."""
    from pytest_formfunc.gate.baseline import Baseline

    merged = merge({"a": part(1, *RECORDS[:2]), "b": part(2, *RECORDS[2:])})
    records = {one.key: replace(one, verdict=None, against=None) for one in RECORDS}
    alone = {key: (one,) for key, one in records.items()}
    rows = judge_whole(merged, Baseline("saved", records, {}, alone, alone), 0.1)
    assert {one.record.verdict.status for one in rows.values()} == {"unchanged"}
    assert why_red(merged, rows, strict=False) == []


def test_what_single_comparisons_and_pools_may_err_is_one_budget():
    """Where only one thing is compared, or pools fail nothing, single ones have all of it."""
    for comparisons, own_servers, share in ((8, False, 1 - POOLED_SHARE), (1, False, 1.0), (8, True, 1.0)):
        other = OtherSide("v1", "v1", "0" * 40, own_servers=own_servers)
        judge = make_judge(other, "time", comparisons, 1.0, FOUND)
        assert judge._family.next_looks().alpha * comparisons == pytest.approx(FAMILY_ALPHA * share)


def run_of(made_up, cases, escalation_s):
    """Judge the cases of a made-up run as they come; return their records as one form's."""
    made_up.begin_run()
    judge, records = NotingJudge(OTHER, Family(cases, alpha_of_single(cases)), escalation_s), []
    for size in range(cases):
        made_up.begin()
        judgement = judge.judge(made_up.evidence(), 0.03)
        one = compared(FIRE, size, 0.0)
        records.append(replace(one, verdict=judgement.verdict, against=judgement.counterpart))
    return records


@pytest.mark.simulation
def test_a_shared_loss_is_found_that_single_cases_do_not_show():
    """2.5% at a threshold of 3%, where launches differ by 6% and each case has about 20 of them."""
    made_up, regressed, pooled = MadeUp(1, loss=1 / (1 - 0.025) - 1, launches=0.06), 0, 0
    for _ in range(25):
        records = run_of(made_up, 16, 10.0)
        regressed += sum(one.verdict.status == "regressed" for one in records)
        pooled += any(one.fails for one in losses_of(*records))
    assert regressed <= 25 * 16 * 0.08
    assert pooled >= 15
