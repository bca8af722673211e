"""The machine's pace with a fake worker on a fake clock; and one that a real worker takes."""

import pytest

from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.measure.pace import FIRST_TURNS, SLOWER, TURN, MeasuredPace, Pace, measured_pace
from pytest_formfunc.measure.pace_history import PaceHistory
from pytest_formfunc.measure.protocol import Disturbance, Round
from pytest_formfunc.measure.workers import WorkerServer

FAST, SLOW = 0.0003, 0.0009
TURN_S = 0.01


class Machine:
    """A clock, and a worker whose call takes what ``call_s`` returns for the time; each turn takes 10 ms."""

    def __init__(self, call_s=lambda now: FAST, dies_in=None):
        self.now, self.call_s, self.dies_in = 0.0, call_s, dies_in
        self.turns, self.started, self.stopped = [], 0, 0

    def start(self):
        self.started += 1
        return self

    def ask(self, turn):
        if len(self.turns) == self.dies_in:
            raise WorkerDied("the pace of the machine was killed by SIGKILL")
        call_s = self.call_s(self.now)
        self.turns.append(turn)
        self.now += TURN_S
        cpu_s = 0.02 * len(self.turns)
        return Round((call_s, call_s, 9.0), Disturbance(0.0, 0, 0, 0.0, TURN_S, total_cpu_s=cpu_s))

    def stop(self):
        self.stopped += 1

    def sleep(self, seconds):
        self.now += seconds

    def pace(self, folder):
        return MeasuredPace(self.start, PaceHistory(folder, "here"), lambda: self.now, self.sleep)


def slow_between(begin_s, end_s):
    return lambda now: SLOW if begin_s <= now < end_s else FAST


def test_where_nothing_measures_it_no_pace_is_known_or_slow():
    """As in a run that only checks outputs."""
    pace = Pace()
    pace.allow(5.0)
    pace.wait()
    pace.close()
    assert (pace.take(), pace.is_slow(0.0), pace.waited_s, pace.shares()) == (0.0, False, 0.0, None)


def test_it_is_the_median_call_of_a_turn(tmp_path):
    """Before the first one some more turns show what is usual, with a worker that starts when it is needed."""
    machine = Machine()
    pace = machine.pace(tmp_path)
    assert machine.started == 0
    assert pace.take() == FAST
    assert machine.turns == [TURN] * (FIRST_TURNS + 1)
    pace.take()
    assert len(machine.turns) == FIRST_TURNS + 2
    assert machine.started == 1
    assert pace.cpu_s == 0.02 * (FIRST_TURNS + 2)


def test_it_is_slow_far_from_the_best_of_the_run(tmp_path):
    """Whatever is slower by less than a factor slows all work about alike."""
    pace = Machine().pace(tmp_path)
    pace.take()
    assert not pace.is_slow(FAST)
    assert not pace.is_slow(0.99 * SLOWER * FAST)
    assert pace.is_slow(1.01 * SLOWER * FAST)


def test_one_lucky_turn_is_not_the_best(tmp_path):
    """Some more must be as fast."""
    machine = Machine(lambda now: FAST / 10 if now < 3.5 * TURN_S else FAST)
    pace = machine.pace(tmp_path)
    assert not pace.is_slow(pace.take())


def test_what_was_not_slow_may_turn_out_to_be(tmp_path):
    """The run began in a slow moment, and only later turns show what the machine can do."""
    machine = Machine(slow_between(0.0, 1.0))
    pace = machine.pace(tmp_path)
    early = pace.take()
    assert (early, pace.is_slow(early)) == (SLOW, False)
    machine.now = 1.0
    for _ in range(10):
        pace.take()
    assert pace.is_slow(early)


def test_the_best_of_earlier_runs_counts_too(tmp_path):
    """A run that is slow from its begin to its end is slow all the same; it does not make the history worse."""
    first = Machine().pace(tmp_path)
    first.take()
    first.close()
    slow = Machine(lambda now: SLOW).pace(tmp_path)
    assert slow.is_slow(slow.take())
    slow.close()
    assert PaceHistory(tmp_path, "here").best() == FAST


def test_it_waits_until_the_machine_is_fast_again(tmp_path):
    """No longer, and with pauses between its looks."""
    machine = Machine(slow_between(1.0, 4.0))
    pace = machine.pace(tmp_path)
    pace.take()
    machine.now = 1.0
    pace.allow(10.0)
    pace.wait()
    assert 4.0 <= machine.now < 4.2
    assert pace.waited_s == pytest.approx(machine.now - 1.0 - TURN_S)
    assert pace.patience_s == pytest.approx(10.0 - pace.waited_s)
    assert len(machine.turns) - FIRST_TURNS < 60


def test_a_fast_machine_is_not_waited_for(tmp_path):
    """One look shows that."""
    machine = Machine()
    pace = machine.pace(tmp_path)
    pace.take()
    pace.allow(10.0)
    pace.wait()
    assert (pace.waited_s, len(machine.turns)) == (0.0, FIRST_TURNS + 2)


def test_it_waits_no_longer_than_allowed_and_then_hardly_at_all(tmp_path):
    """A machine that stays slow costs what was allowed once, until it has shown that it can do better."""
    machine = Machine(slow_between(1.0, 100.0))
    pace = machine.pace(tmp_path)
    pace.take()
    machine.now = 1.0
    waited = []
    for _ in range(2):
        before = pace.waited_s
        pace.allow(20.0)
        pace.wait()
        waited.append(pace.waited_s - before)
        pace.wait()
    assert waited == [pytest.approx(20.0, abs=0.1), pytest.approx(2.0, abs=0.1)]
    assert pace.patience_s == 0.0
    machine.now = 100.0
    pace.wait()
    pace.allow(20.0)
    assert pace.patience_s == 20.0


def test_a_recent_pace_need_not_be_taken_again(tmp_path):
    """It stays for longer than a round takes."""
    machine = Machine()
    pace = machine.pace(tmp_path)
    pace.take()
    turns = len(machine.turns)
    machine.now += 0.05
    assert pace.take(age_s=0.1) == FAST
    assert len(machine.turns) == turns
    machine.now += 0.05
    pace.take(age_s=0.1)
    assert len(machine.turns) == turns + 1


def test_without_its_worker_no_pace_is_known(tmp_path):
    """The run goes on without this guard, and starts no other worker."""
    for dies_in in (0, FIRST_TURNS + 1):
        machine = Machine(dies_in=dies_in)
        pace = machine.pace(tmp_path)
        pace.take()
        assert (pace.take(), pace.take(age_s=1.0)) == (0.0, 0.0)
        assert not pace.is_slow(0.0)
        assert (machine.started, machine.stopped) == (1, 1)


def test_shares_count_the_looks(tmp_path):
    """Near the best, and slow; what is between is neither."""
    machine = Machine(lambda now: FAST)
    pace = machine.pace(tmp_path)
    assert pace.shares() is None
    for call_s, turns in ((FAST, 29), (1.5 * FAST, 30), (SLOW, 20)):
        machine.call_s = lambda now, call_s=call_s: call_s
        for _ in range(turns):
            pace.take()
    assert pace.shares() == (pytest.approx(0.5, abs=0.01), pytest.approx(0.2, abs=0.01))


def test_a_run_that_took_no_pace_leaves_no_history(tmp_path):
    """Closing may be repeated."""
    machine = Machine()
    pace = machine.pace(tmp_path)
    pace.close()
    assert not [*tmp_path.iterdir()]
    pace.take()
    pace.close()
    pace.close()
    assert machine.stopped == 1
    assert PaceHistory(tmp_path, "here").best() == FAST


@pytest.mark.engine
def test_a_worker_times_the_network(tmp_path):
    """Twenty convolutions take some time, and processor time of the worker."""
    server = WorkerServer(timeout_s=60, threads=1, size=1)
    try:
        pace = measured_pace(server, PaceHistory(tmp_path, "here"))
        seconds = pace.take()
        used_s = pace.cpu_s
        assert seconds > 0
        assert used_s > FIRST_TURNS * TURN.calls * pace.take() / 4
        assert pace.cpu_s > used_s
        pace.close()
        assert 0 < PaceHistory(tmp_path, "here").best() <= seconds * SLOWER
    finally:
        server.close()
