"""Measuring a case with fake workers and a fake clock; real ones are in test_workers.py."""

import dataclasses
import math

import numpy as np
import pytest

from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.measure import case_measurer
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.effort import Effort, MoreLaunches
from pytest_formfunc.measure.history import Growth
from pytest_formfunc.measure.lineup import Lineup
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import TELL, Disturbance, Ready, Round
from pytest_formfunc.measure.quiet import Cause
from pytest_formfunc.measure.rounds import Conditions
from pytest_formfunc.measure.schedule import HAND_OVER, LATER_ROUNDS, ROUNDS_PER_LAUNCH, VERDICT_ROUNDS, WANTED_LAUNCHES
from pytest_formfunc.measure.series import RATIO_COMMON, Measurement, Series
from pytest_formfunc.stats.allocation import Scatter

QUIET = Disturbance(0.0, 0, 0, 0.0, 1.0, cpu_s=1.0)
BUSY = Disturbance(0.5, 0, 0, 0.0, 1.0, cpu_s=0.5)
NATIVE, OPENVINO, BF16 = map(Participant, ("native", "openvino", "openvino-bf16"))
EVERYONE = (NATIVE, OPENVINO, NATIVE.counterpart, OPENVINO.counterpart)


class Lab:
    """Fake workers on a fake clock, which note the order of events; launches in ``disturbed`` have no quiet round.

    Launches ``scatter`` by so much: every other one is that much slower on one side of a ratio.
    """

    def __init__(self, tmp_path, call_s, outputs=None, die=(), warm_up_s=None, disturbed=(), scatter=0.0):
        self.disturbed, self.scatter = disturbed, scatter
        self.call_s = call_s
        self.warm_up_s = warm_up_s or call_s
        self.now = 0.0
        self.notes = []
        self.die = die
        self.launches = 0
        self.tmp_path = tmp_path
        self.outputs = outputs or {}

    def clock(self):
        return self.now

    def launch(self, participant, outputs_to, number):
        self.notes.append(("start", str(participant)))
        slower = 1 + self.scatter * (number % 2) * participant.is_native
        return FakeWorker(self, str(participant), outputs_to, BUSY if number in self.disturbed else QUIET, slower)

    def sleep(self, seconds):
        self.now += seconds

    def measurer(self, *participants, servers=12, progress=None, **roles):
        conditions = Conditions(
            servers=servers, clock=self.clock, sleep=self.sleep, busy_s=lambda: 2 * self.now, cores=lambda: 2
        )
        return CaseMeasurer(Lineup(participants, **roles), self.launch, self.tmp_path, conditions, progress)


class FakeWorker:
    def __init__(self, lab, backend, outputs_to, disturbance, slower):
        self.lab, self.backend, self.outputs_to, self.disturbance = lab, backend, outputs_to, disturbance
        self.call_s = lab.call_s[backend] * slower
        self.rounds = 0

    def receive(self, timeout_s=None):
        self.lab.now += 0.2
        self.lab.notes.append(("ready", self.backend))
        if (self.backend, "load") in self.lab.die:
            raise WorkerDied(f"{self.backend} worker died while loading")
        files = []
        for index in range(2):
            files.append(f"{self.outputs_to}-{index}.npz")
            values = self.lab.outputs.get(self.backend, [1.0, 2.0, 3.0])
            np.savez(files[-1], np.asarray(values) + index * self.lab.outputs.get("moves", 1.0))
        return Ready(0.1, 0.05, self.lab.warm_up_s[self.backend], tuple(files), None, "f32", "CPU")

    def ask(self, message):
        if message is None:
            return 1000
        self.lab.notes.append(("round", self.backend))
        self.rounds += 1
        if (self.backend, "round") in self.lab.die and self.rounds == 2:
            raise WorkerDied(f"{self.backend} worker was killed by SIGSEGV")
        discard, calls = message.discard, message.calls
        self.lab.now += (discard + calls) * self.call_s
        return Round((self.call_s,) * calls, self.disturbance)

    def stop(self):
        self.lab.notes.append(("stop", self.backend))


def test_speedup_is_native_over_accelerated(tmp_path):
    """Without noise four times faster is exactly 4.0x, after the fewest launches."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    assert result.speedup(OPENVINO).value == pytest.approx(4.0)
    assert result.stopped == "precise"
    assert len(result.series[NATIVE].launches) == WANTED_LAUNCHES
    assert result.series[OPENVINO].parity.ok


def test_participants_take_turns_in_every_round(tmp_path):
    """Every round has one turn of each; two alternate, and each launch begins with the other one."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    turns = [backend for what, backend in lab.notes if what == "round"]
    pairs = list(zip(turns[::2], turns[1::2], strict=True))
    assert all(set(pair) == {"native", "openvino"} for pair in pairs)
    assert [turns[launch * 16 : launch * 16 + 16] for launch in range(3)] == [
        ["native", "openvino"] * 8, ["openvino", "native"] * 8, ["native", "openvino"] * 8,
    ]  # fmt: skip
    starts = [backend for what, backend in lab.notes if what == "start"]
    assert starts[:4] == ["native", "openvino", "openvino", "native"]


def test_every_worker_is_stopped(tmp_path):
    """Each launch ends the workers that it started."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    kinds = [what for what, _ in lab.notes]
    assert kinds.count("stop") == kinds.count("start") == 2 * WANTED_LAUNCHES


def test_a_tight_budget_ends_after_two_launches_and_says_so(tmp_path):
    """The reason is ``budget``."""
    lab = Lab(tmp_path, {"native": 1.0, "openvino": 0.5})
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 5))
    assert result.stopped == "budget"
    assert len(result.series[NATIVE].launches) == 2


def test_disagreement_removes_one_backend_and_no_other(tmp_path):
    """A backend with wrong outputs has no speedup; native and the other backend go on."""
    speeds = {"native": 0.008, "openvino": 0.002, "openvino-bf16": 0.001}
    lab = Lab(tmp_path, speeds, outputs={"openvino": [1.0, 2.5, 3.0]})
    result = lab.measurer(NATIVE, OPENVINO, BF16).measure(Effort(0.03, 60))
    assert "disagrees with native" in result.failures[OPENVINO]
    assert set(result.series) == {NATIVE, BF16}
    assert all(launch for launch in result.series[BF16].launches)


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ({"native": [1.0, float("nan"), 3.0]}, "native returns NaN"),
        ({"moves": 0.0}, "ignores its input"),
    ],
)
def test_invalid_native_outputs_remove_the_case(tmp_path, outputs, sentence):
    """Without valid outputs of native there is no speedup at all."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, outputs=outputs)
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    assert sentence in result.failures[NATIVE]
    assert sentence in result.failures[OPENVINO]
    assert not result.series


@pytest.mark.parametrize("when", ["load", "round"])
def test_a_dead_accelerated_worker_leaves_native_measured(tmp_path, when):
    """Only the accelerated backend fails; native's rows are still there."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, die={("openvino", when)})
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    assert "openvino worker" in result.failures[OPENVINO]
    assert set(result.series) == {NATIVE}
    assert len(result.series[NATIVE].launches) >= 2


@pytest.mark.parametrize("when", ["load", "round"])
def test_a_dead_native_worker_ends_the_case(tmp_path, when):
    """There is nothing that a speedup could be relative to."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, die={("native", when)})
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    assert set(result.failures) == {NATIVE, OPENVINO}
    assert "without native" in result.failures[OPENVINO]
    assert not result.series


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_card_tells_of_itself_is_asked_once_on_this_side_and_costs_no_budget(tmp_path, monkeypatch, fails):
    """It may take seconds, or fail; measuring goes on as it would."""
    asked = []

    class OnCard(FakeWorker):
        def receive(self, timeout_s=None):
            if asked[-1:] != [self]:
                return dataclasses.replace(super().receive(timeout_s), card={"name": "a card"})
            self.lab.now += 100.0
            if fails:
                raise WorkerDied(f"{self.backend} worker was killed by SIGSEGV")
            asked.append(None)
            return {"kernels_s": 0.001}

        def ask(self, message):
            if message == TELL:
                asked.append(self)
            return super().ask(None if message == TELL else message)

    monkeypatch.setitem(globals(), "FakeWorker", OnCard)
    lab = Lab(tmp_path, {str(one): 0.008 if one.is_native else 0.002 for one in EVERYONE})
    result = lab.measurer(*EVERYONE).measure(Effort(0.03, 60))
    assert (result.stopped, result.failures) == ("precise", {})
    assert {one.backend for one in asked if one} == {"native", "openvino"}
    told = {} if fails else {"kernels_s": 0.001}
    assert {one: series.on_device for one, series in result.series.items()} == {
        one: told if one.here else {} for one in EVERYONE
    }
    assert result.spent_s < 60


def test_more_launches_can_be_asked_for_later(tmp_path):
    """A second look adds exactly the launches that were asked for."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.measure(Effort(0.03, 60))
    result = measurer.measure_more(MoreLaunches(4))
    assert len(result.series[NATIVE].launches) == WANTED_LAUNCHES + 4
    assert len(result.series[OPENVINO].launches) == WANTED_LAUNCHES + 4


def test_the_scatter_determines_the_rounds_of_further_launches(tmp_path):
    """There are few if launches differ, many if rounds differ, and as many as before if no scatter is given."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.measure(Effort(0.03, 60))
    measurer.measure_more(MoreLaunches(1, scatter=Scatter(0.01**2, 0.05**2, 0.05**2)))
    measurer.measure_more(MoreLaunches(1, scatter=Scatter(0.5**2, 0.01**2, 0.01**2)))
    result = measurer.measure_more(MoreLaunches(1))
    assert [len(launch) for launch in result.series[OPENVINO].launches] == [8] * 3 + [5] * 3 + [12, 36, 8]


def test_turns_are_planned_by_earlier_launches_not_by_warming_up(tmp_path):
    """A disturbed warm-up misleads: the first round that shows shorter calls than planned lengthens the later turns."""
    calls_s = {"native": 0.008, "openvino": 0.001}
    lab = Lab(tmp_path, calls_s, warm_up_s={"native": 0.008, "openvino": 0.006})
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.measure(Effort(0.03, 60))
    result = measurer.measure_more(MoreLaunches(1))
    assert [len(turn.calls_s) for turn in result.series[OPENVINO].launches[0]] == [2] + [12] * 7
    assert {len(turn.calls_s) for launch in result.series[OPENVINO].launches[1:] for turn in launch} == {12}
    assert {len(turn.calls_s) for launch in result.series[NATIVE].launches for turn in launch} == {2}


def test_further_launches_end_with_the_time_limit_but_one_is_made(tmp_path):
    """On the fake clock a launch of both takes 0.4 s to load, plus its rounds."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.measure(Effort(0.03, 60))
    began, before = lab.now, WANTED_LAUNCHES
    result = measurer.measure_more(MoreLaunches(20, seconds=3.0))
    made = len(result.series[NATIVE].launches) - before
    assert 1 < made < 20
    assert lab.now - began <= 3.0 < (lab.now - began) * (made + 1) / made
    result = measurer.measure_more(MoreLaunches(20, seconds=0.0))
    assert len(result.series[NATIVE].launches) == before + made + 1


class SlowMachine(Pace):
    """A pace that is always slow; who waits for it does so until the patience is spent."""

    def __init__(self, lab):
        self.lab = lab

    def take(self, age_s=0.0):
        return 3.0

    def is_slow(self, seconds):
        return True

    def is_near(self, seconds):
        return False

    def allow(self, patience_s):
        self.patience_s = patience_s

    def wait(self):
        self.lab.now += self.patience_s
        self.waited_s += self.patience_s
        self.patience_s = 0.0


@pytest.mark.parametrize("seconds", [0.0, 0.5, 3.0, 20.0])
@pytest.mark.parametrize("disturbed", [(), range(99)])
def test_patient_launches_keep_to_their_time_whatever_they_wait_for(tmp_path, seconds, disturbed):
    """Quiet rounds and a better pace are waited for, which this machine never has, and only in the time that is left.

    What the first look may have waited for the pace is nothing to them: that was another allowance.
    """
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=disturbed)
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.measure(Effort(0.03, 4))
    pace = SlowMachine(lab)
    pace.patience_s = 100.0
    measurer._conditions = dataclasses.replace(measurer._conditions, pace=pace, clock=lambda: lab.now - pace.waited_s)
    began, before = lab.now, measurer.launches
    measurer.measure_more(MoreLaunches(20, seconds=seconds, patient=True, least=0))
    assert lab.now - began <= seconds
    assert (measurer.launches > before) == (seconds > 0.5)
    assert (pace.waited_s > 0) == (seconds > 0.5 and not disturbed)


def test_once_is_one_call_each_with_parity(tmp_path):
    """With benchmarks disabled each model runs once, and parity is still checked."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60, once=True))
    assert [len(launch) for launch in result.series[OPENVINO].launches] == [1]
    assert len(result.series[OPENVINO].launches[0][0].calls_s) == 1
    assert result.series[OPENVINO].parity.ok
    assert result.stopped == "once"


def test_progress_is_reported_before_each_round(tmp_path):
    """A user can see the progress of a long case."""
    seen = []
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    lab.measurer(NATIVE, OPENVINO, progress=lambda result, *where: seen.append(where)).measure(Effort(0.03, 60))
    assert seen[0] == (1, 0, ROUNDS_PER_LAUNCH)
    assert seen[ROUNDS_PER_LAUNCH - 1] == (1, ROUNDS_PER_LAUNCH - 1, ROUNDS_PER_LAUNCH)
    assert seen[-1][0] == WANTED_LAUNCHES


def test_every_launch_loads_one_by_one(tmp_path):
    """A worker starts when the one before has loaded, so that each launch gives the compile time."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    loading = [note for note in lab.notes if note[0] in ("start", "ready")]
    assert [kind for kind, _ in loading] == ["start", "ready"] * 2 * WANTED_LAUNCHES
    assert all(started[1] == loaded[1] for started, loaded in zip(loading[::2], loading[1::2], strict=True))
    assert len(result.series[NATIVE].compile_s) == WANTED_LAUNCHES


def test_further_launches_of_some_participants_leave_the_others_alone(tmp_path):
    """Further looks measure only what is in doubt; pairs come from the launches that both took part in."""
    lab = Lab(tmp_path, dict.fromkeys(map(str, EVERYONE), 0.002))
    measurer = lab.measurer(*EVERYONE)
    measurer.measure(Effort(0.03, 60))
    before = len(measurer.result.series[NATIVE].launches)
    result = measurer.measure_more(MoreLaunches(4, only=(OPENVINO, OPENVINO.counterpart)))
    assert len(result.series[NATIVE].launches) == before
    assert len(result.series[OPENVINO].launches) == before + 4
    assert [len(launches) for launches in result.together(OPENVINO, OPENVINO.counterpart)] == [before + 4] * 2
    assert [len(launches) for launches in result.together(*EVERYONE)] == [before] * 4


def test_a_fault_of_the_other_revision_leaves_this_one_measured(tmp_path):
    """If native fails there, the accelerated backend there is removed as well, and nothing else."""
    lab = Lab(tmp_path, dict.fromkeys(map(str, EVERYONE), 0.002), die=[("native (other side)", "load")])
    result = lab.measurer(*EVERYONE).measure(Effort(0.03, 60))
    assert set(result.series) == {NATIVE, OPENVINO}
    assert set(result.failures) == {NATIVE.counterpart, OPENVINO.counterpart}
    assert "no speedup without native" in result.failures[OPENVINO.counterpart]


def test_without_this_sides_native_the_other_side_is_not_measured_on(tmp_path):
    """No speedup can come of it: the fewest launches are made, and no more, however much they scatter."""
    lab = Lab(tmp_path, dict.fromkeys(map(str, EVERYONE), 0.002), die=[("native", "load")], scatter=0.5)
    result = lab.measurer(*EVERYONE).measure(Effort(0.0, 60))
    assert set(result.series) == {NATIVE.counterpart, OPENVINO.counterpart}
    assert len(result.series[OPENVINO.counterpart].launches) == WANTED_LAUNCHES


def test_native_alone_has_the_fewest_launches_too(tmp_path):
    """No speedup has to become precise."""
    result = Lab(tmp_path, {"native": 0.008}, scatter=0.5).measurer(NATIVE).measure(Effort(0.03, 60))
    assert len(result.series[NATIVE].launches) == WANTED_LAUNCHES
    assert result.stopped == "precise"


def test_what_could_not_be_prepared_is_a_failure_from_the_start(tmp_path):
    """It takes no part and is reported."""
    lab = Lab(tmp_path, {"native": 0.008})
    result = lab.measurer(NATIVE, refused={OPENVINO: "it has no kernel"}).measure(Effort(0.03, 60))
    assert result.failures == {OPENVINO: "it has no kernel"}
    assert set(result.series) == {NATIVE}


KEPT = {NATIVE: NATIVE.kept, OPENVINO: OPENVINO}
THREE = {"native": 0.016, "native with memory kept": 0.008, "openvino": 0.002}


def test_native_by_default_is_told_and_native_with_memory_kept_is_ranked(tmp_path):
    """Two speedups of the same rounds; the one by default has few of them, because it is processes that differ."""
    result = Lab(tmp_path, THREE).measurer(NATIVE, NATIVE.kept, OPENVINO, kept=KEPT).measure(Effort(0.03, 60))
    assert result.speedup(OPENVINO).value == pytest.approx(8.0)
    assert result.speedup_memory_kept(OPENVINO).value == pytest.approx(4.0)
    assert result.ranked_speedup(OPENVINO) == result.speedup_memory_kept(OPENVINO)
    assert result.ranked_pair(OPENVINO) == (NATIVE.kept, OPENVINO)
    rounds = {one: {len(launch) for launch in series.launches} for one, series in result.series.items()}
    assert rounds == {NATIVE: {2}, NATIVE.kept: {8, 5}, OPENVINO: {8, 5}}
    assert result.stopped == "precise"


def test_parity_is_checked_once_for_an_engine_that_takes_part_twice(tmp_path):
    """With memory kept it runs the same program."""
    outputs = {"native with memory kept": [9.0, 9.0, 9.0]}
    lab = Lab(tmp_path, THREE, outputs=outputs)
    result = lab.measurer(NATIVE, NATIVE.kept, OPENVINO, kept=KEPT).measure(Effort(0.03, 60))
    assert result.failures == {}
    assert result.series[NATIVE.kept].parity is None


@pytest.mark.parametrize("when", ["load", "round"])
def test_without_native_with_memory_kept_the_speedup_by_default_is_ranked(tmp_path, when):
    """It may need more memory than there is; native by default then has all rounds of the next launches."""
    lab = Lab(tmp_path, THREE, die={("native with memory kept", when)})
    result = lab.measurer(NATIVE, NATIVE.kept, OPENVINO, kept=KEPT).measure(Effort(0.03, 60))
    assert set(result.failures) == {NATIVE.kept}
    assert set(result.series) == {NATIVE, OPENVINO}
    assert result.speedup_memory_kept(OPENVINO) is None
    assert result.ranked_speedup(OPENVINO).value == pytest.approx(8.0)
    assert {len(launch) for launch in result.series[NATIVE].launches[1:]} == {8, 5}


def test_an_engine_that_fails_takes_its_twin_with_it(tmp_path):
    """The other way round it does not."""
    speeds = {**THREE, "inductor": 0.004, "inductor with memory kept": 0.004}
    inductor = Participant("inductor")
    everyone = (NATIVE, NATIVE.kept, OPENVINO, inductor, inductor.kept)
    kept = {**KEPT, inductor: inductor.kept}
    result = Lab(tmp_path, speeds, die={("inductor", "round")}).measurer(*everyone, kept=kept).measure(Effort(0.03, 60))
    assert set(result.failures) == {inductor}
    assert set(result.series) == {NATIVE, NATIVE.kept, OPENVINO}
    lab = Lab(tmp_path, speeds, die={("inductor with memory kept", "round")})
    result = lab.measurer(*everyone, kept=kept).measure(Effort(0.03, 60))
    assert set(result.failures) == {inductor.kept}
    assert set(result.series) == {NATIVE, NATIVE.kept, OPENVINO, inductor}
    assert result.ranked_pair(inductor) == (NATIVE, inductor)
    assert result.ranked_pair(OPENVINO) == (NATIVE.kept, OPENVINO)


def test_disturbed_launches_do_not_count(tmp_path):
    """There are as many more as it takes: every other one is, and native is four times as slow in it."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(1, 99, 2), scatter=3.0)
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    assert result.disturbed == dict.fromkeys(range(1, 10, 2), Cause.WAITING)
    assert result.undisturbed(NATIVE, OPENVINO) == [0, 2, 4, 6, 8, 10]
    assert len(result.series[NATIVE].launches) == 11
    assert result.contended is None
    assert result.stopped == "precise"
    speedup = result.speedup(OPENVINO)
    assert (speedup.value, speedup.n) == (pytest.approx(4.0), 6)


def test_on_time_that_others_left_over_a_case_stays_stopped_by_its_budget(tmp_path):
    """The time may end before another launch, and the row must say then that it is not as precise as asked."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, scatter=0.5)
    measurer = lab.measurer(NATIVE, OPENVINO)
    assert measurer.measure(Effort(0.03, 4)).stopped == "budget"
    assert measurer.advance(Effort(0.03, 60))
    assert measurer.result.stopped == "budget"


def test_further_launches_without_native_make_no_speedup():
    """Side by side they are of the accelerated pair alone: the two that native took part in stay disturbed."""
    launches = {one: 2 if one.is_native else 6 for one in EVERYONE}
    result = Measurement(
        kept={one: one for one in EVERYONE},
        series={one: Series(one, [[Round((1.0,), QUIET)]] * count, [*range(count)]) for one, count in launches.items()},
        servers={number: number for number in range(6)},
        disturbed={0: Cause.WAITING, 1: Cause.WAITING},
    )
    assert result.contended is Cause.WAITING


@pytest.mark.parametrize(("quiet", "contended"), [(2, True), (3, False)])
def test_three_quiet_launches_are_enough_for_a_speedup(tmp_path, quiet, contended):
    """With fewer, nothing can be claimed, whatever the budget allowed."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(quiet, 99))
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 10))
    assert result.stopped == "budget"
    assert (result.contended is Cause.WAITING) == contended
    assert len(result.undisturbed(NATIVE, OPENVINO)) == (len(result.servers) if contended else quiet)


def test_waiting_for_quiet_rounds_keeps_to_the_budget(tmp_path):
    """What is left is shared among the launches that are still wanted, and no launch waits longer than two seconds."""
    load_s, rounds_s, round_s = 0.4, 8 * 0.048 * HAND_OVER, 0.1
    for budget_s, longest_s in ((5.0, 5.0 / WANTED_LAUNCHES), (60.0, load_s + rounds_s + 2.0)):
        lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(99))
        measurer = lab.measurer(NATIVE, OPENVINO)
        measurer.advance(Effort(0.03, budget_s))
        assert longest_s <= lab.now < longest_s + round_s
        while measurer.advance(Effort(0.03, budget_s)):
            pass
        assert lab.now < budget_s + 0.5


@pytest.mark.parametrize(("patient", "least", "most"), [(False, 0.0, 0.0), (True, 2 * 0.4, 2 * 1.1)])
def test_further_launches_wait_only_where_that_is_asked_for(tmp_path, patient, least, most):
    """A verdict side by side has a use for disturbed rounds, and one against saved runs has not."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(99))
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.measure(Effort(0.03, 3))
    slept, sleep = [], lab.sleep
    measurer._conditions = dataclasses.replace(measurer._conditions, sleep=lambda s: (slept.append(s), sleep(s)))
    measurer.measure_more(MoreLaunches(2, patient=patient))
    assert least <= sum(slept) <= most


def test_threads_that_wait_for_each_other_are_waited_for_once(tmp_path):
    """No other moment would be better, so the next launches are as long as planned, and they count."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(99))
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer._conditions = dataclasses.replace(measurer._conditions, busy_s=lambda: 0.01 * lab.now)
    result = measurer.measure(Effort(0.03, 60))
    assert result.stopped == "precise"
    assert (result.contended, result.disturbed) == (None, {})
    first, *later = (len(launch) for launch in result.series[NATIVE].launches)
    assert first > ROUNDS_PER_LAUNCH
    assert later == [ROUNDS_PER_LAUNCH] * 2 + [LATER_ROUNDS[0]] * 3


def test_few_servers_have_several_launches_each(tmp_path):
    """The interval counts servers; it is never narrower than the scale that is assumed of so few allows."""
    lab = Lab(tmp_path, THREE)
    for precision, stopped in ((0.07, "precise"), (0.03, "budget")):
        measurer = lab.measurer(NATIVE, NATIVE.kept, OPENVINO, kept=KEPT, servers=3)
        result = measurer.measure(Effort(precision, 10))
        assert [*result.servers.values()][:7] == [0, 1, 2, 0, 1, 2, 0][: len(result.servers)]
        assert result.ranked_speedup(OPENVINO).n == 3
        assert result.stopped == stopped


def test_an_interrupted_launch_leaves_those_before_it_whole(tmp_path, monkeypatch):
    """Whatever has rounds can become a record."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer.advance(Effort(0.03, 60))
    ask = FakeWorker.ask

    def interrupted(worker, message):
        if worker.backend == "openvino":
            raise KeyboardInterrupt
        return ask(worker, message)

    monkeypatch.setattr(FakeWorker, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measurer.advance(Effort(0.03, 60))
    result = measurer.result
    assert result.speedup(OPENVINO).value == pytest.approx(4.0)
    assert {len(series.launches) for series in result.series.values()} == {1}
    kinds = [what for what, _ in lab.notes]
    assert kinds.count("stop") == kinds.count("start") == 4


class LaterKnown(Pace):
    """A pace that is slow for what is known from the fourth look on."""

    def __init__(self):
        self.looks = 0

    def take(self, age_s=0.0):
        self.looks += age_s == 0.0
        return 3.0 if self.looks < 4 else 1.0

    def is_slow(self, seconds):
        return self.looks >= 4 and seconds > 2.0


def test_launches_that_turn_out_to_have_been_slow_do_not_count(tmp_path):
    """The first launches were made before the machine showed what it can do."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer._conditions = dataclasses.replace(measurer._conditions, pace=LaterKnown())
    result = measurer.measure(Effort(0.03, 60))
    assert result.disturbed == dict.fromkeys(range(3), Cause.SLOW)
    assert result.undisturbed(NATIVE, OPENVINO) == [*range(3, len(result.servers))]
    assert (result.stopped, result.contended) == ("precise", None)


def test_where_a_verdict_follows_a_few_launches_are_enough(tmp_path):
    """However imprecise they are; a disturbed one does not count."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, scatter=0.5, disturbed=[1])
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.0, 60, enough=5))
    assert (result.stopped, len(result.servers)) == ("verdict", 6)


def test_where_a_verdict_follows_and_no_moment_is_quiet_disturbed_launches_are_enough(tmp_path):
    """Two launches wait for a quiet moment; the others do not, and no speedup is claimed."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(99))
    measurer, waited = lab.measurer(NATIVE, OPENVINO), []
    effort, sleep, slept = Effort(0.03, 60, enough=5), lab.sleep, []
    measurer._conditions = dataclasses.replace(measurer._conditions, sleep=lambda s: (slept.append(s), sleep(s)))
    go_on = True
    while go_on:
        before = sum(slept)
        go_on = measurer.advance(effort)
        waited.append(sum(slept) - before)
    assert [seconds > 0 for seconds in waited] == [True, True, False, False, False]
    assert (measurer.result.stopped, measurer.result.contended) == ("verdict", Cause.WAITING)


def test_a_floor_is_worth_waiting_for_a_quiet_moment_until_the_budget_ends(tmp_path):
    """Disturbed launches show no speedup, however many they are."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=range(8))
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60, enough=5, limited=True))
    assert (result.stopped, len(result.servers), result.contended) == ("verdict", 13, None)


def test_where_a_verdict_follows_a_quiet_launch_is_worth_waiting_for_others(tmp_path):
    """Where quiet moments come and go, it is measured until enough are quiet, unless the last two launches were not."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=[0, 1, 3, 4, 6])
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.0, 60, enough=5))
    assert (result.stopped, len(result.servers)) == ("verdict", 5)
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, disturbed=[0, 1, 3, 6])
    result = lab.measurer(NATIVE, OPENVINO).measure(Effort(0.0, 60, enough=5))
    assert (result.stopped, len(result.servers), result.contended) == ("verdict", 9, None)


class SteadyPace(Pace):
    """A pace of its own for each launch: ``times`` the best one."""

    def __init__(self, times):
        self.times = [*times]
        self.launch = -1

    def take(self, age_s=0.0):
        self.launch += age_s == 0.0  # the look at the begin of a launch
        return self.times[self.launch]

    def is_slow(self, seconds):
        return seconds > 2.0

    def is_near(self, seconds):
        return seconds <= 1.15

    def excess(self, seconds):
        return math.log(seconds)


def at_paces(tmp_path, times, effort, **kwargs):
    """Return the measurement of a case whose launches have these paces."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, **kwargs)
    measurer = lab.measurer(NATIVE, OPENVINO)
    measurer._conditions = dataclasses.replace(measurer._conditions, pace=SteadyPace(times))
    return measurer.measure(effort)


def test_what_the_pace_leaves_unknown_is_in_the_interval(tmp_path):
    """Launches agree exactly, at 1.4 times the best pace; near it runs still differ by a percent or so."""
    result = at_paces(tmp_path, [1.4] * 99, Effort(0.05, 20))
    found = result.speedup(OPENVINO)
    near, beyond = RATIO_COMMON
    assert found.common == pytest.approx(math.hypot(near, beyond * math.log(1.4)))
    assert math.log(found.high / found.value) == pytest.approx(1.96 * found.common, rel=0.01)
    assert found.value == pytest.approx(4.0)
    assert at_paces(tmp_path, [1.0] * 99, Effort(0.05, 60)).speedup(OPENVINO).common == pytest.approx(near)


def test_launches_near_the_best_pace_count_before_others(tmp_path):
    """Where there are five of them, which is enough for an interval; with fewer, all that are not slow count."""
    mixed = at_paces(tmp_path, [1.5, 1.0] * 30, Effort(0.03, 60))
    assert mixed.undisturbed(NATIVE, OPENVINO) == [*range(1, len(mixed.servers), 2)]
    assert len(mixed.undisturbed(NATIVE, OPENVINO)) == 6
    assert mixed.speedup(OPENVINO).common == pytest.approx(RATIO_COMMON[0])
    few = at_paces(tmp_path, [1.5, 1.5, 3.0, 1.0] * 30, Effort(0.03, 9))
    assert 0 < len({number for number in few.servers if number % 4 == 3}) < 5
    assert few.undisturbed(NATIVE, OPENVINO) == [number for number in few.servers if number % 4 != 2]
    assert few.speedup(OPENVINO).common > RATIO_COMMON[0]


def test_rounds_near_the_best_pace_are_made_where_planned_ones_are_not(tmp_path):
    """Half as many again as planned, and not more."""
    result = at_paces(tmp_path, [1.5] * 99, Effort(0.03, 60))
    assert {len(launch) for launch in result.series[NATIVE].launches} == {12, 8}
    assert result.discarded == 0


def test_a_participant_of_the_first_launch_alone_is_compared_with_in_every_launch(tmp_path):
    """The other side's native is not measured again, but a wrong output of its engine is seen in a later launch."""
    speeds = {"native": 0.008, "openvino": 0.002, "native there": 0.008, "openvino there": 0.002}
    speeds |= {str(one): speeds[f"{one.backend} there"] for one in EVERYONE[2:]}
    lab = Lab(tmp_path, speeds)
    measurer = lab.measurer(*EVERYONE, first_only={NATIVE.counterpart})
    result = measurer.measure(Effort(0.03, 60, enough=5))
    assert result.series[NATIVE.counterpart].numbers == [0]
    assert all(result.series[one].numbers == [0, 1, 2, 3, 4] for one in EVERYONE if one != NATIVE.counterpart)
    assert result.stopped == "verdict"
    assert not result.failures
    lab.outputs[str(OPENVINO.counterpart)] = [1.0, 2.5, 3.0]
    measurer.measure_more(MoreLaunches(1))
    assert "disagrees" in result.failures[OPENVINO.counterpart]
    assert OPENVINO in result.series


def test_one_that_is_only_compared_with_is_never_timed(tmp_path):
    """The other side's native of the same program: it starts once, and its engine is compared with it ever after."""
    there = NATIVE.counterpart
    speeds = {str(one): {"native": 0.008, "openvino": 0.002}[one.backend] for one in EVERYONE}
    lab = Lab(tmp_path, speeds)
    measurer = lab.measurer(*EVERYONE, compared={there})
    result = measurer.measure(Effort(0.03, 60, enough=5))
    notes = [what for what, who in lab.notes if who == str(there)]
    assert notes[:3] == ["start", "ready", "stop"]
    assert "round" not in notes
    assert notes.count("start") == 1
    assert result.series[there].numbers == []
    assert (result.stopped, result.failures, result.contended) == ("verdict", {}, None)
    assert result.ranked_speedup(OPENVINO).value == pytest.approx(4.0)
    lab.outputs[str(OPENVINO.counterpart)] = [1.0, 2.5, 3.0]
    measurer.measure_more(MoreLaunches(1))
    assert "disagrees" in result.failures[OPENVINO.counterpart]


def test_one_that_is_only_compared_with_may_fail(tmp_path):
    """There is nothing then to compare the other side with; this side goes on."""
    speeds = {str(one): {"native": 0.008, "openvino": 0.002}[one.backend] for one in EVERYONE}
    lab = Lab(tmp_path, speeds, die={(str(NATIVE.counterpart), "load")})
    result = lab.measurer(*EVERYONE, compared={NATIVE.counterpart}).measure(Effort(0.03, 60, enough=5))
    assert {*result.failures} == {NATIVE.counterpart, OPENVINO.counterpart}
    assert {*result.series} == {NATIVE, OPENVINO}


@pytest.mark.parametrize(
    ("effort", "rounds"),
    [
        (Effort(0.03, 60), ROUNDS_PER_LAUNCH),
        (Effort(0.03, 60, enough=5), VERDICT_ROUNDS),
        (Effort(0.03, 60, enough=5, limited=True), ROUNDS_PER_LAUNCH),  # a floor needs the speedup
    ],
)
def test_launches_have_few_rounds_where_a_verdict_follows(tmp_path, effort, rounds):
    """It looks again where they do not decide."""
    speeds = {str(one): {"native": 0.008, "openvino": 0.002}[one.backend] for one in EVERYONE}
    result = Lab(tmp_path, speeds).measurer(*EVERYONE).measure(effort)
    assert {len(launch) for launch in result.series[OPENVINO].launches[:3]} == {rounds}


def test_a_participant_of_the_first_launch_alone_takes_part_where_it_is_asked_for(tmp_path):
    """Where memory could not be kept on one side, the verdict needs both natives as they are."""
    speeds = {str(one): {"native": 0.008, "openvino": 0.002}[one.backend] for one in EVERYONE}
    measurer = Lab(tmp_path, speeds).measurer(*EVERYONE, first_only={NATIVE.counterpart})
    result = measurer.measure(Effort(0.03, 60, enough=5))
    measurer.measure_more(MoreLaunches(2, EVERYONE))
    assert result.series[NATIVE.counterpart].numbers == [0, 5, 6]


def test_the_first_launchs_native_is_needed_in_every_launch_where_with_memory_kept_one_failed(tmp_path):
    """Its speedup is then the one that is ranked, and what the verdict rests on."""
    participants = (*EVERYONE, NATIVE.kept, NATIVE.kept.counterpart)
    speeds = {str(one): {"native": 0.008, "openvino": 0.002}[one.backend] for one in participants}
    lab = Lab(tmp_path, speeds, die={(str(NATIVE.kept), "round")})
    kept = {one: one.kept if one.is_native else one for one in EVERYONE}
    measurer = lab.measurer(*participants, kept=kept, first_only={NATIVE.counterpart})
    result = measurer.measure(Effort(0.03, 60, enough=6))
    assert NATIVE.kept in result.failures
    assert result.series[NATIVE.counterpart].numbers == result.series[OPENVINO].numbers == [*range(6)]


@pytest.mark.parametrize("everyone", [True, False])
def test_several_may_die_in_one_launch(tmp_path, everyone):
    """Their server died, or the model raises on a later call: what is out already is not taken out once more."""
    participants = (NATIVE.kept, OPENVINO, NATIVE)  # in the second round native's turn is before that of its twin
    speeds = {str(one): {"native": 0.008, "openvino": 0.002}[one.backend] for one in participants}
    dying = {(str(one), "round") for one in participants if everyone or one.is_native}
    kept = {NATIVE: NATIVE.kept, OPENVINO: OPENVINO}
    result = Lab(tmp_path, speeds, die=dying).measurer(*participants, kept=kept).measure(Effort(0.03, 60))
    assert "killed by SIGSEGV" in result.failures[NATIVE]
    assert not result.series


def test_a_native_that_grows_has_no_series(tmp_path, monkeypatch):
    """What it gave in the launch that showed it is not kept beside its failure."""
    monkeypatch.setattr(case_measurer, "may_grow", lambda calls, early: True)
    monkeypatch.setattr(case_measurer, "slower_after_calls", lambda *args: Growth(4000, 25.0))
    result = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}).measurer(NATIVE, OPENVINO).measure(Effort(0.03, 60))
    assert "25.0 times as slow" in result.failures[NATIVE]
    assert not result.series


def test_launches_are_judged_by_a_pace_that_shows_after_the_last_of_them(tmp_path):
    """Other cases go on, and meet the machine at its best."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002})
    measurer, pace = lab.measurer(NATIVE, OPENVINO), SteadyPace([1.0] * 99)
    measurer._conditions = dataclasses.replace(measurer._conditions, pace=pace)
    result = measurer.measure(Effort(0.03, 60))
    assert (result.disturbed, result.unsettled) == ({}, set())
    pace.is_slow, pace.is_near = (lambda seconds: True), (lambda seconds: False)
    measurer.judge_paces()
    assert result.disturbed == dict.fromkeys(result.servers, Cause.SLOW)
    assert result.unsettled == {*result.servers}


def test_native_by_default_takes_part_where_an_engine_with_memory_kept_has_failed(tmp_path):
    """The engine's speedup by default is then the one that is ranked, although native's own twin lives."""
    inductor = Participant("inductor")
    participants = (NATIVE, NATIVE.kept, inductor, inductor.kept)
    speeds = {str(one): {"native": 0.008, "inductor": 0.002}[one.backend] for one in participants}
    lab = Lab(tmp_path, speeds, die={(str(inductor.kept), "round")})
    kept = {NATIVE: NATIVE.kept, inductor: inductor.kept}
    result = lab.measurer(*participants, kept=kept).measure(Effort(0.03, 60, enough=6))
    assert inductor.kept in result.failures
    assert result.series[NATIVE].numbers == result.series[inductor].numbers == [*range(6)]


def test_the_time_to_become_precise_grows_with_the_square_of_the_width(tmp_path):
    """Half-widths shrink with the square root of the time; at least one launch is needed."""
    lab = Lab(tmp_path, {"native": 0.008, "openvino": 0.002}, scatter=0.2)
    measurer = lab.measurer(NATIVE, OPENVINO)
    assert math.isinf(measurer.needed_s(0.1))
    result = measurer.measure(Effort(0.0001, 5.0))
    width = result.ranked_speedup(OPENVINO).half_width
    assert measurer.needed_s(width / 2) == pytest.approx(3 * result.spent_s)
    assert measurer.needed_s(width) == pytest.approx(result.spent_s / measurer.launches)
