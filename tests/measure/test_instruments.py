"""Instruments in this process, on calls whose behaviour is known; real perf, and texts as its manual describes them."""

import shutil
import time

import numpy as np
import pytest

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.function.efficacy import cache_edge, crossing
from pytest_formfunc.host import CacheShare, llc_bytes
from pytest_formfunc.measure.instruments import INSTRUMENTS
from pytest_formfunc.measure.instruments.base import Launches, Subject
from pytest_formfunc.measure.instruments.cache_sweep import measured_cache, sweep_sizes
from pytest_formfunc.measure.instruments.counters import BLURRED, Counters, group_of
from pytest_formfunc.measure.instruments.perf_stat import has_hardware_counters, parse_perf_stat, perf_stat, why_refused

# Made up in perf's documented format (perf-stat(1), "CSV FORMAT"): no such counter exists where this was written.
MADE_UP = """# started on Thu Nov 26 14:30:27 2026

4000000;;instructions:u;10000000;100.00;2.00;insn per cycle
2000000;;cycles:u;10000000;100.00;;
500000;;branches:u;10000000;100.00;;
5000;;branch-misses:u;10000000;100.00;1.00;of all branches
<not counted>;;LLC-loads;0;0.00;;
<not supported>;;LLC-load-misses;0;100.00;;
1.50;msec;task-clock;1500000;75.00;0.694;CPUs utilized
"""
needs_perf = pytest.mark.skipif(shutil.which("perf") is None, reason="perf is not installed")


def subject(timer, **more):
    size = more.pop("llc_bytes", llc_bytes() or 2**25)
    values = {"cost": {"weight_bytes": 0, "activation_bytes": 0, "macs": 1}, "cache": CacheShare(size, size), **more}
    return Subject(timer=timer, load_again=lambda: timer, load_product=None, build=None, batches=1, threads=1, **values)


def timed(call):
    def timer():
        started = time.perf_counter_ns()
        call()
        return time.perf_counter_ns() - started

    return timer


def seen(ipc=(2.0,)):
    return [
        {"groups": [{"calls": 10, "seconds": 0.1, "events": {"instructions": 1e6 * one, "cycles": 1e6}, "why_not": {}}]
         + [{"calls": 1, "seconds": 0.1, "events": {}, "why_not": {}}] * 4}
        for one in ipc
    ]  # fmt: skip


def test_perfs_fields_are_read():
    found = parse_perf_stat(MADE_UP)
    assert (found["instructions"].value, found["branch-misses"].value) == (4e6, 5000)
    assert (found["LLC-loads"].value, found["LLC-loads"].why_not) == (None, "it was never scheduled on a counter")
    assert "virtual machine" in found["LLC-load-misses"].why_not
    assert (found["task-clock"].value, found["task-clock"].share) == (1.5, 0.75)
    assert parse_perf_stat("") == parse_perf_stat("x;y\n;;;;;;\n") == {}


def test_an_event_that_shared_its_counter_is_not_counted():
    """Perf scales it up; nobody knows what it missed."""
    group = group_of(parse_perf_stat(MADE_UP), 10, 0.5)
    assert group["events"]["instructions"] == 4e6
    assert group["events"]["task-clock"] is None
    assert group["why_not"]["task-clock"] == BLURRED
    assert "virtual machine" in group["why_not"]["LLC-load-misses"]


@pytest.mark.parametrize(
    ("stderr", "paranoid", "sentence"),
    [
        ("Error:\nAccess to performance monitoring and observability operations is limited.", "4", "paranoid is 4"),
        ("Error:\nNo permission to enable task-clock event.", "3\n", "paranoid is 3"),
        ("perf_event_open: Operation not permitted", "2", "a container's seccomp profile refuses it"),
        ("perf_event_open: Function not implemented", "2", "the kernel has no perf events"),
        ("something else", "2", "perf ended at once (something else)"),
        ("", "", "perf ended at once (without a word)"),
    ],
)
def test_why_perf_may_not_count_is_told_apart(stderr, paranoid, sentence):
    assert sentence in why_refused(stderr, paranoid)


def test_the_kernel_says_whether_the_processor_has_counters(tmp_path):
    assert not has_hardware_counters(tmp_path)
    for name, kind in (("software", "1"), ("breakpoint", "5"), ("cpu_core", "4")):
        assert not has_hardware_counters(tmp_path)
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(f"{kind}\n")
    assert has_hardware_counters(tmp_path)


def test_without_perf_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MeasurementError, match="perf is not installed"), perf_stat(["page-faults"]):
        pass


@needs_perf
def test_real_perf_counts_page_faults_of_this_process_alone_while_it_is_asked():
    """Pages that were never touched fault once each."""
    with perf_stat(["page-faults", "task-clock"]) as counted:
        memory = np.empty(2**25, dtype=np.uint8)
        memory[::4096] = 1
    assert 0 < counted["page-faults"].value <= 20_000
    assert counted["task-clock"].value > 0


@needs_perf
def test_counters_of_calls_that_fault(monkeypatch):
    """Each call touches a hundred new pages."""
    import mmap

    def touch():
        with mmap.mmap(-1, 100 * 4096) as memory:
            for page in range(100):
                memory[page * 4096] = 1

    one = Counters()
    launches = [one.observe(subject(timed(touch))) for _ in range(3)]
    found = one.sum_up(Launches(launches, launches, {}))
    assert 95 < found["per_call"]["page-faults"]["value"] < 130
    assert found["per_second"]["page-faults"]["value"] > found["per_call"]["page-faults"]["value"]


def test_ratios_are_of_what_was_counted_together():
    found = Counters().sum_up(Launches(seen((2.0, 2.2, 1.8)), [], {}))
    assert found["ratios"]["ipc"]["value"] == pytest.approx(1.99, abs=0.02)
    assert found["ratios"]["ipc"]["low"] < 1.9
    assert found["ratios"]["ipc"]["high"] > 2.1
    assert found["per_call"]["instructions"]["value"] == pytest.approx(2e5, rel=0.01)


@pytest.mark.alone
def test_cold_calls_are_slower_where_calls_read_what_a_cache_holds():
    """A megabyte that is summed, against a loop that touches nothing.

    Against warm calls, because a neighbour on the same core may empty its caches in a pause: then a sham call is cold.
    """
    one = INSTRUMENTS.entry("cache").make()
    held = np.ones(2**17)
    ratios, by_pause = {}, {}
    for name, call in (("reads", held.sum), ("computes", lambda: sum(range(30_000)))):
        launches = [one.observe(subject(timed(call))) for _ in range(3)]
        found = one.sum_up(Launches(launches, launches, {}))
        assert found["why_no_copies"] == "it has no weights"
        by_pause[name] = found["sham_over_warm"]["value"]
        ratios[name] = found["cold_over_sham"]["value"] * by_pause[name]
    assert ratios["reads"] > 1.25 * ratios["computes"], ratios
    if by_pause["reads"] < 1.1 * by_pause["computes"]:
        assert ratios["reads"] / by_pause["reads"] > 1.15, (ratios, by_pause)


@pytest.mark.alone
@pytest.mark.engine
def test_where_the_cache_ends_is_measured():
    """It is no more than a cache has, give or take the width of the fall; or there is no edge to be seen."""
    size = llc_bytes() or 2**25
    measured = measured_cache(size)
    assert measured is None or size / 9 < measured < 2 * size
    assert sweep_sizes(2**25)[0] == 2**22
    assert sweep_sizes(2**25)[-1] == 2**26


def test_edge_of_a_cache_is_where_speed_falls_half_of_the_way():
    sizes = [2**power for power in range(12)]
    speeds = [50.0] * 6 + [45.0, 12.0] + [10.0] * 4
    assert 2**6 < cache_edge([*zip(sizes, speeds, strict=True)]) < 2**7
    assert cache_edge([(size, 10.0) for size in sizes]) is None
    assert cache_edge([(size, 12.0 if size < 64 else 10.0) for size in sizes]) is None
    assert cache_edge([*zip(sizes, speeds, strict=True)][:6]) is None
    assert crossing([(1, 5.0), (2, 4.0)], 3.0) is None


def test_copies_of_weights_take_turns_where_a_few_do_not_fit_into_the_cache():
    """Each is called once in a turn; small weights would need too many."""
    made = []
    one = INSTRUMENTS.entry("cache").make()
    large = subject(timed(lambda: None), cost={"weight_bytes": 2**23, "activation_bytes": 0}, llc_bytes=2**24)
    large.load_again = lambda: made.append(1) or timed(lambda: None)
    found = one.observe(large)
    assert (found["copies"], len(made)) == (3, 2)
    assert len(found["seconds"]["wei"]) == len(found["seconds"]["sham"])
    small = subject(timed(lambda: None), cost={"weight_bytes": 2**20, "activation_bytes": 0}, llc_bytes=2**25)
    assert "so small (1 MB) that 48 copies would be needed" in one.observe(small)["why_no_copies"]


def test_what_does_not_fit_into_memory_is_refused():
    with pytest.raises(MeasurementError, match="more than a quarter of the free memory"):
        INSTRUMENTS.entry("cache").make().observe(subject(timed(lambda: None), free_bytes=2**20))


def test_a_cache_of_unknown_size_is_said():
    one = INSTRUMENTS.entry("cache").make()
    assert one.observe(subject(timed(lambda: None), llc_bytes=0))["bytes"] == 192 << 20
    with pytest.raises(MeasurementError, match="the size of the last-level cache is unknown"):
        INSTRUMENTS.entry("reuse").make().observe(subject(timed(lambda: None), llc_bytes=0))
