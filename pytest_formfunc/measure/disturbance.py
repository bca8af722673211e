"""Read what disturbed a turn: run-queue delay, page faults, preemptions, stolen time, stops.

Sources: ``getrusage(2)``; the signal that continues a stopped process (``signal(7)``, SIGCONT);
``proc(5)`` for ``schedstat`` (second field: nanoseconds on the run queue)
and ``/proc/stat`` (eighth figure of the ``cpu`` line: stolen time in clock ticks).
"""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_formfunc.cards import State
from pytest_formfunc.measure.protocol import Disturbance

_continued = 0  # times that this process was stopped and continued


def count_stops() -> None:
    """Count from now on how often this process is stopped and continued; only the main thread may call this."""

    def note(number: int, frame: object) -> None:
        global _continued  # noqa: PLW0603 - a signal handler has no other place
        _continued += 1

    signal.signal(signal.SIGCONT, note)


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Counters:
    run_delay_ns: int
    page_faults: int
    involuntary_switches: int
    steal_ticks: int
    at_ns: int
    cpu_s: float
    continued: int


def _read_run_delay_ns() -> int:
    """Return the run-queue delay of this process, summed over its threads; 0 if the kernel does not report it."""
    total = 0
    for task in Path("/proc/self/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue  # a thread may end while it is read
    return total


def _read_steal_ticks() -> int:
    try:
        with open("/proc/stat", encoding="ascii") as stat:
            return int(stat.readline().split()[8])
    except (OSError, IndexError, ValueError):
        return 0


def read_busy_s() -> float:
    """Return the seconds for which the cores that this process may use have worked since the machine started.

    0 if unknown. Time that the hypervisor took does not count (``proc(5)``, ``/proc/stat``).
    """
    wanted = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    try:
        with open("/proc/stat", encoding="ascii") as stat:
            for line in stat:
                name, *counts = line.split()
                if name in wanted:
                    user, nice, system, _, _, irq, softirq = map(int, counts[:7])
                    ticks += user + nice + system + irq + softirq
    except (OSError, ValueError):
        return 0.0
    return ticks / _TICKS_PER_S


def read_counters() -> _Counters:
    """Return a snapshot of the counters; the difference of two gives a `Disturbance`."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return _Counters(
        run_delay_ns=_read_run_delay_ns(),
        page_faults=usage.ru_minflt + usage.ru_majflt,
        involuntary_switches=usage.ru_nivcsw,
        steal_ticks=_read_steal_ticks(),
        at_ns=time.perf_counter_ns(),
        cpu_s=usage.ru_utime + usage.ru_stime,
        continued=_continued,
    )


def disturbance_between(before: _Counters, after: _Counters) -> Disturbance:
    """Return what happened between two snapshots."""
    return Disturbance(
        run_delay_s=max(0, after.run_delay_ns - before.run_delay_ns) / 1e9,
        page_faults=after.page_faults - before.page_faults,
        involuntary_switches=after.involuntary_switches - before.involuntary_switches,
        steal_s=(after.steal_ticks - before.steal_ticks) / _TICKS_PER_S,
        wall_s=(after.at_ns - before.at_ns) / 1e9,
        cpu_s=after.cpu_s - before.cpu_s,
        continued=after.continued - before.continued,
        total_cpu_s=after.cpu_s,
    )


def with_states(found: Disturbance, *states: State | None) -> Disturbance:
    """Return it with what a graphics card did at some moments: its lowest clock, greatest power, and every reason."""
    known = [state for state in states if state is not None]
    if not known:
        return found
    slowed = 0
    for state in known:
        slowed |= state.reasons
    lowest, most = min(state.sm_mhz for state in known), max(state.power_w for state in known)
    return replace(found, sm_mhz=lowest, power_w=most, slowed=slowed)
