"""The rounds of one launch with fake workers, on a fake machine whose cores other programs keep busy at times."""

import math

import pytest

from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Disturbance, Round, Turn
from pytest_formfunc.measure.quiet import Cause
from pytest_formfunc.measure.rounds import BRIEF_ROUNDS, Conditions, LaunchRounds

NATIVE, OPENVINO = Participant("native"), Participant("openvino")
CALL_S = 0.001
TURN = Turn(2, 12, limit_s=0.2)  # of a call of that many seconds


class Machine:
    """Two cores and a clock.

    Attributes:
        now: the time in seconds.
        busy_s: seconds for which its cores have worked.
        others: returns the share of each core that other programs use at a time.
        allowed: returns the number of cores that may be used at a time.
        counts: whether it counts how long its cores work.
    """

    def __init__(self, others=lambda now: 0.0, allowed=lambda now: 2, *, counts=True):
        self.now = self.busy_s = 0.0
        self.others, self.allowed, self.counts = others, allowed, counts
        self.slept = []
        self.pace = Pace()

    def spend(self, seconds, used_s=0.0):
        self.busy_s += used_s + 2 * self.others(self.now) * seconds
        self.now += seconds

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.spend(seconds)

    def conditions(self):
        return Conditions(
            threads=2,
            clock=lambda: self.now,
            sleep=self.sleep,
            busy_s=lambda: self.busy_s if self.counts else 0.0,
            cores=lambda: self.allowed(self.now),
            pace=self.pace,
        )


class FakePace(Pace):
    """A machine that is slow at times; each look takes 10 ms of two cores, and a wait ends when it is fast."""

    def __init__(self, machine, slow=lambda now: False):
        self.machine, self.slow = machine, slow
        self.looks, self.taken = 0, (-9.0, 0.0)
        self.patience_s = 60.0

    def take(self, age_s=0.0):
        if self.machine.now - self.taken[0] >= age_s:
            self.looks += 1
            self.cpu_s += 0.02
            self.machine.spend(0.01, 0.02)
            self.taken = self.machine.now, 3.0 if self.slow(self.machine.now) else 1.0
        return self.taken[1]

    def is_slow(self, seconds):
        return seconds > 2.0

    def wait(self):
        while self.patience_s > 0 and self.is_slow(self.take()):
            self.machine.spend(0.05)
            self.patience_s -= 0.05


def paced(slow, **kwargs):
    """Return a machine whose pace is measured."""
    machine = Machine(**kwargs)
    machine.pace = FakePace(machine, slow)
    return machine


class FakeWorker:
    """A worker of two threads: each waits for a core while others use it, and ``waits`` for the other thread anyway.

    Each call takes ``call_s``, and the first latency of each answer is the time at which its turn began.
    """

    def __init__(self, machine, call_s=CALL_S, *, waits=0.0, dies_in=None, disturb=lambda index: {}):
        self.machine, self.call_s, self.waits, self.dies_in, self.disturb = machine, call_s, waits, dies_in, disturb
        self.turns, self.cpu_s, self.answers_with = [], 0.0, None

    def ask(self, turn):
        if len(self.turns) == self.dies_in:
            raise WorkerDied("the worker was killed by SIGKILL")
        began, share = self.machine.now, max(self.machine.others(self.machine.now), self.waits)
        wall_s = turn.calls * self.call_s
        self.cpu_s += 2 * wall_s * (1 - share)
        self.machine.spend(wall_s, 2 * wall_s * (1 - share))
        found = {
            "run_delay_s": 2 * wall_s * share, "page_faults": 0, "involuntary_switches": 0, "steal_s": 0.0,
            "wall_s": wall_s, "cpu_s": 2 * wall_s * (1 - share), "total_cpu_s": self.cpu_s,
        }  # fmt: skip
        self.turns.append(turn)
        disturbance = Disturbance(**{**found, **self.disturb(len(self.turns) - 1)})
        calls_s = (began + 1.0, *[self.call_s] * turn.calls)
        return Round(self.answers_with(turn.calls) if self.answers_with else calls_s, disturbance)


class Launch:
    """One launch of these workers; it notes who failed and what was shown."""

    def __init__(self, machine, workers, *, brief=(), launch=0, calls_s=None):
        self.machine, self.workers, self.failed, self.shown = machine, workers, {}, []
        self.rounds = LaunchRounds(
            [*workers], brief, workers, calls_s or dict.fromkeys(workers, CALL_S), machine.conditions(), launch,
            self.failed.__setitem__, lambda *where: self.shown.append(where),
        )  # fmt: skip

    def make(self, planned, patience_s=60.0):
        self.rounds.make(planned, self.machine.now + patience_s)
        return self

    def began(self, participant):
        """Return when the rounds of a participant that count began."""
        return [answer.calls_s[0] - 1.0 for answer in self.rounds.of(participant)]

    def counted(self, participant):
        return len(self.rounds.of(participant))


def two(machine, **kwargs):
    return {NATIVE: FakeWorker(machine, **kwargs), OPENVINO: FakeWorker(machine, **kwargs)}


def busy_until(end_s, share=0.5):
    return lambda now: share if now < end_s else 0.0


def test_quiet_rounds_count_and_nothing_is_waited_for():
    """As many as were planned, each with the turns that were planned."""
    machine = Machine()
    launch = Launch(machine, two(machine)).make(5)
    assert (launch.counted(NATIVE), launch.counted(OPENVINO)) == (5, 5)
    assert (launch.rounds.cause, launch.rounds.discarded, machine.slept) == (None, 0, [])
    assert {turn for worker in launch.workers.values() for turn in worker.turns} == {TURN}
    assert launch.shown == [(index, 5) for index in range(5)]


def test_disturbed_rounds_are_measured_again():
    """Other programs work for a second; the rounds that count are from after it, and the others are counted too."""
    machine = Machine(busy_until(1.0))
    launch = Launch(machine, two(machine)).make(5)
    assert launch.rounds.cause is None
    assert (launch.counted(NATIVE), launch.counted(OPENVINO)) == (5, 5)
    assert min(*launch.began(NATIVE), *launch.began(OPENVINO)) >= 1.0
    assert launch.rounds.discarded == len(launch.workers[NATIVE].turns) - 5 > 0
    assert launch.shown[0] == launch.shown[launch.rounds.discarded] == (0, 5)  # the first round, over and over


def test_it_waits_longer_and_longer_before_a_disturbed_round_is_measured_again():
    """Another moment is more likely to be quiet; but not for so long that a quiet one passes unused."""
    machine = Machine(busy_until(3.0))
    Launch(machine, two(machine)).make(5)
    assert machine.slept[0] == pytest.approx(0.02)
    assert machine.slept == sorted(machine.slept)
    assert max(machine.slept) == pytest.approx(0.4)


def test_what_stays_disturbed_ends_in_time_with_its_cause():
    """Then all rounds count, for a verdict side by side has a use for them, and nothing is discarded."""
    machine = Machine(busy_until(1e9))
    launch = Launch(machine, two(machine)).make(5, patience_s=2.0)
    assert launch.rounds.cause == Cause.WAITING
    assert 2.0 <= machine.now < 2.1
    assert launch.counted(NATIVE) == launch.counted(OPENVINO) == len(launch.workers[NATIVE].turns) > 5
    assert launch.rounds.discarded == 0


def test_without_patience_there_are_as_many_rounds_as_planned():
    """No more and no fewer, and no pause."""
    machine = Machine(busy_until(1e9))
    launch = Launch(machine, two(machine)).make(5, patience_s=0.0)
    assert (launch.counted(NATIVE), launch.rounds.cause, machine.slept) == (5, Cause.WAITING, [])


def test_a_launch_that_waited_in_vain_ends_with_few_rounds():
    """Its turns may each take many times as long as planned, and nothing but a verdict side by side uses them."""
    machine = Machine(busy_until(9e9))
    launch = Launch(machine, two(machine)).make(8, patience_s=0.01)
    assert (launch.counted(NATIVE), launch.rounds.cause) == (3, Cause.WAITING)


def test_a_few_quiet_rounds_are_enough():
    """Three of them, or all if fewer were planned; the disturbed ones beside them are discarded."""
    for planned, quiet in ((5, 3), (5, 4), (2, 2)):
        machine = Machine()
        of_round = lambda index, quiet=quiet: {"continued": int(index >= quiet)}  # noqa: E731
        launch = Launch(machine, two(machine, disturb=of_round)).make(planned, patience_s=0.5)
        assert launch.counted(NATIVE) == quiet
        assert launch.rounds.cause is None
        assert launch.rounds.discarded == len(launch.workers[NATIVE].turns) - quiet
        assert (launch.rounds.discarded > 0) == (planned > quiet)


def test_too_few_quiet_rounds_are_a_cause():
    """Two of five: which of them count would be chosen by chance, so all do, and the launch is disturbed."""
    machine = Machine(lambda now: 0.5 if now > 2.4 * 2 * 0.012 else 0.0)
    launch = Launch(machine, two(machine)).make(5, patience_s=0.5)
    assert launch.rounds.cause == Cause.WAITING
    assert launch.counted(NATIVE) == len(launch.workers[NATIVE].turns) > 5


def test_engines_whose_own_threads_wait_for_each_other_are_not_disturbed():
    """There may be more threads than cores: that is how it is, and no other moment would be better."""
    machine = Machine()
    launch = Launch(machine, two(machine, waits=0.5)).make(5, patience_s=1.0)
    assert launch.rounds.cause is None
    assert launch.rounds.own_waiting
    assert launch.counted(NATIVE) == len(launch.workers[NATIVE].turns) >= 5
    assert launch.rounds.discarded == 0


@pytest.mark.parametrize(
    ("others", "counts", "own"),
    [
        (0.0, True, True),
        (0.02, True, True),  # pytest itself, and what else a quiet machine does
        (0.2, True, False),
        (0.0, False, False),  # it is not known whether anybody else worked
    ],
)
def test_their_waiting_is_their_own_only_if_nobody_else_worked(others, counts, own):
    """What others used is what all cores worked less what the participants did."""
    machine = Machine(lambda now: others, counts=counts)
    launch = Launch(machine, two(machine, waits=0.5)).make(5, patience_s=2.0)
    assert launch.rounds.own_waiting == own
    assert launch.rounds.cause == (None if own else Cause.WAITING)


def test_another_cause_is_never_the_engines_own():
    """Nobody else worked, but a process was stopped."""
    machine = Machine()
    launch = Launch(machine, two(machine, waits=0.5, disturb=lambda index: {"continued": int(index == 0)}))
    launch.make(5, patience_s=1.0)
    assert not launch.rounds.own_waiting
    assert launch.rounds.cause == Cause.WAITING


def test_a_stop_is_measured_again():
    """One participant was stopped in one round: the whole round is discarded, that of the others too."""
    machine = Machine()
    workers = {
        NATIVE: FakeWorker(machine),
        OPENVINO: FakeWorker(machine, disturb=lambda index: {"continued": int(index == 2)}),
    }
    launch = Launch(machine, workers).make(5)
    assert (launch.rounds.cause, launch.rounds.discarded) == (None, 1)
    assert launch.counted(NATIVE) == launch.counted(OPENVINO) == 5
    assert len(workers[NATIVE].turns) == 6


def test_fewer_cores_than_threads_disturb_every_round():
    """A quota that fell below the number of threads, until it is back."""
    machine = Machine(allowed=lambda now: 1 if now < 1.0 else 2)
    launch = Launch(machine, two(machine)).make(5)
    assert (launch.rounds.cause, launch.counted(NATIVE)) == (None, 5)
    assert min(launch.began(NATIVE)) >= 1.0
    machine = Machine(allowed=lambda now: 1)
    assert Launch(machine, two(machine)).make(5, patience_s=1.0).rounds.cause == Cause.QUOTA


@pytest.mark.parametrize(("ticks", "cause"), [(1, None), (10, Cause.STOLEN)])
def test_time_that_is_stolen_a_tick_at_a_time_is_seen_over_the_launch(ticks, cause):
    """No turn shows more than one tick, which proves nothing."""
    machine = Machine()
    stolen = FakeWorker(machine, disturb=lambda index: {"steal_s": 0.01 * (index < ticks)})
    launch = Launch(machine, {NATIVE: FakeWorker(machine), OPENVINO: stolen}).make(10)
    assert launch.rounds.cause == cause
    assert launch.counted(NATIVE) == 10


@pytest.mark.parametrize("busy_s", [0.0, 1.0])
def test_brief_participants_take_part_in_the_first_quiet_rounds_only(busy_s):
    """Disturbed rounds before them do not count for theirs either; their rounds are the others' first ones."""
    machine = Machine(busy_until(busy_s))
    workers = {NATIVE: FakeWorker(machine), NATIVE.kept: FakeWorker(machine), OPENVINO: FakeWorker(machine)}
    launch = Launch(machine, workers, brief=[NATIVE]).make(6)
    assert [launch.counted(one) for one in workers] == [BRIEF_ROUNDS, 6, 6] == [2, 6, 6]
    assert len(workers[NATIVE].turns) == 2 + launch.rounds.discarded
    for brief, kept in zip(launch.began(NATIVE), launch.began(NATIVE.kept), strict=False):
        assert abs(brief - kept) < 3 * 0.012  # of the same round
    assert min(launch.began(NATIVE)) >= busy_s


class GrowingPace(FakePace):
    """A machine that gets faster twice, so that the first of what was near its best is not near it any more."""

    def __init__(self, machine, faster_at):
        super().__init__(machine)
        self.faster_at, self.best = faster_at, 1.0

    def take(self, age_s=0.0):
        super().take(age_s)
        found = 1.0 - 0.08 * sum(self.taken[0] >= at for at in self.faster_at)
        self.best = min(self.best, found)
        return found

    def is_near(self, seconds):
        return seconds <= 1.15 * self.best


@pytest.mark.parametrize("patience_s", [60.0, 0.3])
def test_brief_participants_take_part_again_where_the_best_pace_shows_late(patience_s):
    """The rounds that they had are not near it any more; those that count are never without them."""
    machine = Machine()
    machine.pace = GrowingPace(machine, (0.1, 0.2))
    workers = {NATIVE: FakeWorker(machine), NATIVE.kept: FakeWorker(machine), OPENVINO: FakeWorker(machine)}
    launch = Launch(machine, workers, brief=[NATIVE]).make(12, patience_s)
    assert machine.pace.best == pytest.approx(0.84)
    assert launch.counted(NATIVE) == BRIEF_ROUNDS
    assert launch.counted(OPENVINO) == launch.counted(NATIVE.kept) >= 3
    assert min(launch.began(NATIVE.kept)) >= 0.1
    assert min(launch.began(NATIVE)) >= 0.2
    for brief, kept in zip(launch.began(NATIVE), launch.began(NATIVE.kept), strict=False):
        assert abs(brief - kept) < 3 * 0.012  # of the same round


def test_brief_participants_stay_beside_the_others_where_all_rounds_count():
    """Too few are quiet; the rounds that a brief one has are the first of those that count."""
    machine = Machine()
    quiet = (1, 3)
    of_round = lambda index: {"continued": int(index not in quiet)}  # noqa: E731
    workers = {NATIVE: FakeWorker(machine), NATIVE.kept: FakeWorker(machine, disturb=of_round)}
    launch = Launch(machine, workers, brief=[NATIVE]).make(6, patience_s=0.5)
    assert launch.rounds.cause == Cause.STOPPED
    assert launch.counted(NATIVE) == 4  # until the second quiet one
    assert launch.counted(NATIVE.kept) > 6
    for brief, kept in zip(launch.began(NATIVE), launch.began(NATIVE.kept), strict=False):
        assert abs(brief - kept) < 2 * 0.012


def test_who_fails_is_asked_no_more_and_the_others_go_on():
    """Its reason is told once, and its rounds are no hindrance."""
    machine = Machine()
    workers = {NATIVE: FakeWorker(machine), OPENVINO: FakeWorker(machine, dies_in=2)}
    launch = Launch(machine, workers).make(5)
    assert {one: str(error) for one, error in launch.failed.items()} == {OPENVINO: "the worker was killed by SIGKILL"}
    assert launch.counted(NATIVE) == 5
    assert launch.counted(OPENVINO) == 2


@pytest.mark.parametrize(
    ("call_s", "sentence"),
    [
        (0.0, "the clock stood still: a call took 0 s"),
        (-0.001, "the clock went back: a call took -0.001 s"),
        (math.nan, "the clock gave no time: a call took nan s"),
        (math.inf, "the clock gave no time: a call took inf s"),
    ],
)
def test_a_worker_whose_calls_take_no_time_fails_and_the_others_go_on(call_s, sentence):
    """No estimate is made of such a time; the first latency of each answer is a good one."""
    machine = Machine()
    broken = FakeWorker(machine)
    broken.answers_with = lambda calls: (1.0, *[call_s] * calls)
    launch = Launch(machine, {NATIVE: FakeWorker(machine), OPENVINO: broken}).make(5)
    (failed,) = launch.failed.items()
    assert failed[0] == OPENVINO
    assert str(failed[1]).startswith(sentence)
    assert launch.counted(NATIVE) == 5
    assert launch.counted(OPENVINO) == 0


def test_a_launch_whose_participants_all_fail_ends_at_once():
    """It has no cause: nothing was disturbed."""
    machine = Machine()
    launch = Launch(machine, two(machine, dies_in=0)).make(5)
    assert set(launch.failed) == {NATIVE, OPENVINO}
    assert (launch.rounds.cause, launch.counted(NATIVE), machine.slept) == (None, 0, [])


def test_calls_that_are_shorter_than_planned_get_longer_turns():
    """A disturbed warm-up misleads, and so would a disturbed round; only quiet rounds plan."""
    machine = Machine(busy_until(0.1))
    workers = two(machine)
    launch = Launch(machine, workers, calls_s=dict.fromkeys(workers, 10 * CALL_S)).make(5)
    calls = [turn.calls for turn in workers[NATIVE].turns]
    first_quiet = launch.rounds.discarded
    assert first_quiet > 0
    assert set(calls[: first_quiet + 1]) == {2}
    assert set(calls[first_quiet + 1 :]) == {12}


def test_one_call_each_whatever_disturbs_it():
    """Without timing nothing is measured again."""
    machine = Machine(busy_until(1e9))
    launch = Launch(machine, two(machine))
    launch.rounds.make_one_call()
    assert [worker.turns for worker in launch.workers.values()] == [[Turn(0, 1)]] * 2
    assert launch.counted(NATIVE) == launch.counted(OPENVINO) == 1
    assert launch.rounds.cause is None


def test_rounds_of_a_slow_machine_are_measured_again_when_it_is_fast():
    """It began slow: what counts is from after that, and is beside a pace that is not slow."""
    machine = paced(lambda now: now < 1.0)
    launch = Launch(machine, two(machine)).make(5)
    assert (launch.rounds.cause, launch.counted(NATIVE), launch.rounds.discarded) == (None, 5, 1)
    assert min(launch.began(NATIVE)) >= 1.0
    assert launch.rounds.pace == 1.0
    assert machine.slept == []


LONG_S = 0.05  # a turn of such calls takes 0.1 s, so that the machine is looked at after each round


def long_launch(machine):
    """Return a launch whose rounds take 0.21 s each, with the look after it."""
    return Launch(machine, two(machine, call_s=LONG_S), calls_s={NATIVE: LONG_S, OPENVINO: LONG_S})


def test_a_round_is_slow_if_the_machine_is_before_or_after_it():
    """It is slow at the end of the second round and fast at that of the third: neither counts."""
    machine = paced(lambda now: 0.3 < now < 0.6)
    machine.pace.patience_s = 0.0
    launch = long_launch(machine).make(5)
    assert (launch.rounds.cause, launch.rounds.discarded, launch.counted(NATIVE)) == (None, 2, 5)
    assert not [began for began in launch.began(NATIVE) if 0.2 < began < 0.6]


def test_a_launch_that_becomes_slow_ends_with_the_rounds_that_it_has():
    """Three are enough, and the next launch waits; with fewer it waits itself."""
    for slow_s, counted in ((0.7, 3), (0.3, 8)):
        machine = paced(lambda now, slow_s=slow_s: slow_s < now < 5.0)
        launch = long_launch(machine).make(8)
        assert (launch.rounds.cause, launch.counted(NATIVE)) == (None, counted)
        assert (machine.now > 5.0) == (counted == 8)


def test_a_machine_that_stays_slow_is_a_cause():
    """All rounds are kept, and the launch says what disturbed it."""
    machine = paced(lambda now: True)
    machine.pace.patience_s = 0.5
    launch = Launch(machine, two(machine)).make(8, patience_s=0.5)
    assert launch.rounds.cause is Cause.SLOW
    assert launch.rounds.pace == 3.0
    assert launch.counted(NATIVE) >= 3


def test_rounds_are_made_as_planned_where_nobody_waits():
    """A verdict side by side has a use for slow rounds, and takes them as they are."""
    machine = paced(lambda now: True)
    launch = Launch(machine, two(machine)).make(5, patience_s=0.0)
    assert (launch.counted(NATIVE), launch.rounds.cause) == (5, Cause.SLOW)
    assert machine.pace.patience_s == 60.0


def test_another_cause_is_said_before_slowness():
    """Other programs make the machine slow as well, and are something that a user can end."""
    machine = paced(lambda now: True, others=busy_until(9e9))
    machine.pace.patience_s = 0.1
    assert Launch(machine, two(machine)).make(5, patience_s=0.5).rounds.cause is Cause.WAITING


def test_looks_at_the_machine_are_not_the_work_of_others():
    """An engine whose threads wait for each other is told from one that waits for other programs, with a pace too."""
    machine = paced(lambda now: False)
    launch = Launch(machine, two(machine, waits=0.5)).make(5, patience_s=1.0)
    assert machine.pace.looks > 5
    assert launch.rounds.own_waiting


def test_the_pace_is_not_taken_after_every_short_round():
    """It stays for longer, and each look takes time."""
    machine = paced(lambda now: False)
    launch = Launch(machine, two(machine)).make(20)
    assert launch.counted(NATIVE) == 20
    assert 4 <= machine.pace.looks <= 7


def test_the_mean_pace_is_that_beside_the_rounds_that_count():
    """Before and after each of them; a slow one that was measured again is not among them."""
    machine = paced(lambda now: 0.3 < now < 0.6)
    launch = long_launch(machine).make(5)
    assert (launch.rounds.pace, launch.rounds.mean_pace) == (1.0, 1.0)
    machine = paced(lambda now: now > 0.3)
    machine.pace.patience_s = 0.0
    launch = long_launch(machine).make(4, patience_s=0.5)
    assert launch.rounds.cause is Cause.SLOW
    assert 1.0 < launch.rounds.mean_pace < launch.rounds.pace == 3.0
