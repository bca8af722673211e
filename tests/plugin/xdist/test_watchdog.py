"""When a silent worker is ended, with a clock that is set by hand."""

from types import SimpleNamespace

from pytest_formfunc.plugin.xdist.watchdog import Watchdog


def watched(limit_s=60.0):
    one = SimpleNamespace(now=0.0, ended=[])
    one.dog = Watchdog(limit_s, lambda name, seconds: one.ended.append((name, seconds)), lambda: one.now)
    return one


def at(one, *times):
    for one.now in times:
        one.dog.look()


def test_a_worker_that_says_nothing_is_ended_once():
    one = watched()
    one.dog.hear("gw0")
    one.dog.hear("gw1")
    at(one, *range(1, 41))
    one.dog.hear("gw1")
    at(one, *range(41, 90))
    assert one.ended == [("gw0", 61)]


def test_a_worker_that_has_ended_is_forgotten():
    one = watched()
    one.dog.hear("gw0")
    one.dog.forget("gw0")
    at(one, *range(1, 100))
    assert one.ended == []


def test_after_this_process_was_stopped_itself_everybody_gets_their_time_again():
    """Ctrl-Z and fg stop all of them."""
    one = watched()
    one.dog.hear("gw0")
    at(one, 1, 500)
    assert one.ended == []
    at(one, *range(501, 565))
    assert one.ended == [("gw0", 61)]
