"""The time that is left is told from what cases have taken, with a clock that the test sets."""

from pytest_formfunc.run.time_left import TimeLeft


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def begun(cases, budget_s):
    clock = Clock()
    return TimeLeft(cases, budget_s, clock), clock


def test_before_a_case_is_prepared_nothing_is_told():
    left, clock = begun(4, 30.0)
    left.note_preparing(0)
    clock.now = 5.0
    assert left.text() == ""


def test_at_first_the_budget_is_the_most_that_measuring_takes():
    left, clock = begun(4, 30.0)
    left.note_preparing(0)
    clock.now = 10.0
    left.note_preparing(1)
    assert left.text() == "about 3 min left"  # 3 x 10 s preparing, 4 x 30 s measuring


def test_then_what_cases_have_taken_counts():
    left, clock = begun(4, 1000.0)
    for prepared in range(2):
        left.note_preparing(prepared)
        clock.now += 10.0
    with left.measuring(2):
        clock.now += 20.0
    assert left.text() == "about 40 s left"  # two more, each 10 s and 10 s


def test_time_within_a_group_counts_down_and_ends_at_nothing():
    left, clock = begun(2, 30.0)
    left.note_preparing(0)
    clock.now = 4.0
    left.note_preparing(1)
    clock.now = 8.0
    left.note_preparing(2)
    with left.measuring(2):
        assert left.text() == "about 60 s left"
        clock.now += 45.0
        assert left.text() == "about 20 s left"
        clock.now += 100.0
        assert left.text() == "about 10 s left"


def test_cases_of_the_cache_take_no_time_to_prepare():
    """They were taken over from a journal, so that only what is measured counts."""
    left, clock = begun(10, 20.0)
    with left.measuring(1):
        clock.now += 5.0
    assert left.text() == ""  # how long preparing takes is not known yet
    left.note_preparing(1)
    clock.now += 1.0
    left.note_preparing(9)
    assert left.text() == "about 50 s left"
