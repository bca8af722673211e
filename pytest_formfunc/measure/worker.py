"""A worker process: it does one job; one that measures takes a turn on each request and waits in between."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_formfunc import extensions
from pytest_formfunc.allocator import keep_freed_memory
from pytest_formfunc.host import peak_rss_bytes
from pytest_formfunc.measure import probe_job
from pytest_formfunc.measure.disturbance import count_stops, disturbance_between, read_counters, with_states
from pytest_formfunc.measure.isolation import check_whose_code, use_forms
from pytest_formfunc.measure.parking import PARK_LIMIT_S, SOON_S, wait_until_parked
from pytest_formfunc.measure.protocol import TELL, Failure, HungUp, Job, Line, Ready, Round, Turn
from pytest_formfunc.measure.times import check_times
from pytest_formfunc.measure.torch_settings import check_threads, kept_settings, set_threads_again

DEVICE_CALLS, DEVICE_S = 10, 0.006  # calls of a turn that are timed by the device's own clock, and their time: at most
WARM_UP_S = 0.015  # duration of the warm-up after the first call
FEWEST_CALLS = 2  # counted calls of a turn that ends early
EARLY_CALLS = 5  # of the warm-up, to see whether later ones are longer
WARM_UP_CALLS = 2  # calls of the warm-up, at least
LONGER_WARM_UP_CALLS = 5  # where no outputs were computed before: a heap that is kept has to grow to its size first
LONG_CALL_S = 0.03  # after a first call that is longer, one that is longer too is enough (`bench/test_settling.py`)


def worker_main(connection: Line) -> None:
    """Receive a job, do it and answer; an exception of the job becomes a `Failure`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and closes the connection
    job: Job = connection.recv()
    workspace = job.workspace
    sys.path[:] = [*(workspace.sys_path or ()), *(sys.path if workspace.environment else ())]
    handler = {
        "prepare": _prepare,
        "measure": _measure,
        "probe": probe_job.probe,
        "load": probe_job.load,
        "devices": probe_job.devices,
        "host": probe_job.host,
        "survey": probe_job.survey,
        "weigh": _weigh,
        "pace": _pace,
        "observe": _observe,
        "change": _change,
        "share": _share,
    }[job.kind]
    try:
        os.chdir(workspace.cwd or os.curdir)
        if workspace.forms is not None:
            use_forms(Path(workspace.forms))
        _add_names(job)
        handler(connection, job)
    except HungUp:
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit too
        connection.send(Failure.of(error))


def _add_names(job: Job) -> None:
    """Make the names that others added known in this process."""
    extensions.use(job.extensions)
    if job.workspace.forms is None:
        return
    for name, entries in (("patterns", job.extensions.patterns), ("architectures", job.extensions.architectures)):
        # Another revision's package may lack added names, or fail to import, which the job itself will report.
        with contextlib.suppress(Exception):
            importlib.import_module(f"pytest_formfunc.forms.{name}").TABLE.use_added(entries)


def _weigh(connection: Line, job: Job) -> None:
    """Answer how many bytes a source's weights need, or None if unknown."""
    connection.send(job.payload["source"].weigh())


def _prepare(connection: Line, job: Job) -> None:
    """Prepare one source after another until the parent sends None; so exporting warms up only once."""
    from pytest_formfunc.measure.artifacts import prepare_in_worker

    request: Any = job.payload
    while request is not None:
        try:
            with kept_settings():
                prepared = prepare_in_worker(job.threads, **request)
            check_whose_code(job.workspace)
            connection.send(prepared)
        except HungUp:
            raise
        except BaseException as error:  # noqa: BLE001 - one bad form must not end the others
            connection.send(Failure.of(error))
        request = connection.recv()


def _measure(connection: Line, job: Job) -> None:
    """Load one participant of one case, then take a turn on each request until the parent sends None."""
    import numpy as np

    from pytest_formfunc.backends import backend_entry
    from pytest_formfunc.measure.given_inputs import GivenInputs

    payload = job.payload
    compares = payload.get("compares", True)
    count_stops()
    if payload["keep_memory"]:
        keep_freed_memory()
    engine = backend_entry(payload["engine"]).make(job.threads)
    engine.half = payload.get("half")
    source = payload["source"]
    started = time.perf_counter()
    engine.load(source, Path(payload["artifact"]))
    compile_s = time.perf_counter() - started
    check_whose_code(job.workspace)
    given = GivenInputs(engine, [source.inputs(seed) for seed in payload["seeds"]])
    started = time.perf_counter()
    engine.call()
    first_call_s = time.perf_counter() - started
    given.note_overwritten()
    set_threads_again(job.threads)
    moved = ""
    if payload.get("check_repeatable"):
        given.check_repeatable()
        if outputs := given.outputs_after_rounding():
            moved = f"{payload['outputs_to']}-moved.npz"
            np.savez(moved, *outputs)
    files: list[str] = []
    for index, outputs in enumerate(given.outputs() if compares else []):
        files.append(f"{payload['outputs_to']}-{index}.npz")
        np.savez(files[-1], *outputs)
    names = tuple(engine.output_names()) if payload["graph"] else ()
    if compares:
        given.set(0)
    timer = given.timer(engine.time_call)
    timer = _slowed(timer, payload["slow_down"]) if payload["slow_down"] else timer
    early_s = settled_s = 0.0
    if payload.get("times", True):
        _ramp_up(timer, engine.ramp_s)
        early_s, settled_s = _warm_up(timer, WARM_UP_CALLS if compares else LONGER_WARM_UP_CALLS, first_call_s)
    connection.send(
        Ready(
            compile_s,
            first_call_s,
            settled_s,
            tuple(files),
            engine.graph() if payload["graph"] else None,
            engine.precision,
            engine.device,
            engine.inferences,
            engine.settings(),
            names,
            early_s,
            engine.rounded_to,
            moved,
            payload.get("lost_in_export", 0.0),
            engine.ramp_s,
            engine.card(),
        )
    )
    with contextlib.suppress(HungUp):
        last = _answer_turns(connection, engine, timer)
        check_threads(job.threads)
        connection.send(peak_rss_bytes())
        if last == TELL:
            connection.send(given.on_device())


def _answer_turns(connection: Line, engine: Any, timer: Callable[[], int]) -> object:
    """Take a turn on each request that is one; return the last, which is none."""
    watch = engine.watch()
    while isinstance(request := connection.recv(), Turn):
        _ramp_up(timer, engine.ramp_s)
        before = watch() if watch else None
        measured = _take_turn(timer, request, engine.inferences)
        # A process that is stopped may hold what others on a card wait for.
        limit_s = PARK_LIMIT_S if engine.ramp_s else SOON_S
        spins = wait_until_parked(limit_s) >= limit_s and not engine.ramp_s
        disturbance = with_states(measured.disturbance, before, watch()) if watch else measured.disturbance
        connection.send(Round(measured.calls_s, disturbance, _device_calls(engine, request), spins))
    return request


def _observe(connection: Line, job: Job) -> None:
    """Answer with what one instrument sees of one participant."""
    from pytest_formfunc.measure.observe_job import observe

    observe(connection, job, _warm_up)


def _change(connection: Line, job: Job) -> None:
    """Answer with the files of a network's program, changed by each lint."""
    from pytest_formfunc.measure.change_job import change

    change(connection, job)


def _share(connection: Line, job: Job) -> None:
    """Write a model for others, and answer with what they need to know of it."""
    from pytest_formfunc.measure.share_job import share

    share(connection, job)


def _pace(connection: Line, job: Job) -> None:
    """Time a fixed network of small convolutions, a turn on each request, until the parent hangs up."""
    import torch

    if cores := job.payload.get("cores"):
        os.sched_setaffinity(0, cores)
    torch.set_num_threads(job.threads)
    torch.set_grad_enabled(False)
    network = torch.nn.Sequential(*[torch.nn.Conv2d(32, 32, 3, padding=1) for _ in range(3)]).eval()
    example = torch.ones(1, 32, 16, 16)
    keep_freed_memory()

    def timer() -> int:
        started = time.perf_counter_ns()
        network(example)
        return time.perf_counter_ns() - started

    _warm_up(timer)
    with contextlib.suppress(HungUp):
        while (request := connection.recv()) is not None:
            answer = _take_turn(timer, request, inferences=1)
            connection.send(replace(answer, spins=wait_until_parked(SOON_S) >= SOON_S))


def _ramp_up(timer: Callable[[], int], seconds: float) -> None:
    """Call for some seconds without counting: an idle device's clock is low, and rises only under load."""
    end = time.perf_counter() + seconds
    while seconds and time.perf_counter() < end:
        timer()


def _device_calls(engine: Any, turn: Turn) -> tuple[float, ...]:
    """Return the seconds of some calls by the device's own clock; nothing where it has none."""
    found: list[float] = []
    end = time.perf_counter() + DEVICE_S
    while len(found) < min(turn.calls, DEVICE_CALLS) and (not found or time.perf_counter() < end):
        if (taken_ns := engine.time_on_device()) is None:
            break
        found.append(taken_ns / 1e9 / engine.inferences)
    return tuple(found)


def _warm_up(timer: Callable[[], int], fewest: int = WARM_UP_CALLS, first_s: float = 0.0) -> tuple[float, float]:
    """Make the warm-up calls after a first one that took so many seconds.

    They are a number of calls at least, or one if calls are long.

    Returns:
        Seconds of the median call of the first ones, and of their later half.
    """
    # Not at the top: an environment without numpy has to be told what it lacks.
    from pytest_formfunc.stats import median

    end = time.perf_counter() + WARM_UP_S
    taken: list[int] = []
    while len(taken) < fewest or time.perf_counter() < end:
        taken.append(timer())
        check_times([taken[-1] / 1e9])
        if min(first_s, taken[-1] / 1e9) > LONG_CALL_S:
            break
    return median(taken[:EARLY_CALLS]) / 1e9, median(taken[len(taken) // 2 :]) / 1e9


def _take_turn(timer: Callable[[], int], turn: Turn, inferences: int) -> Round:
    end = time.perf_counter() + turn.limit_s
    for _ in range(turn.discard):
        timer()
        if time.perf_counter() > end:
            break
    latencies_ns: list[int] = []
    gc_was_on = gc.isenabled()
    gc.disable()
    try:
        before = read_counters()
        while len(latencies_ns) < turn.calls:
            latencies_ns.append(timer())
            if len(latencies_ns) >= FEWEST_CALLS and time.perf_counter() > end:
                break
        after = read_counters()
    finally:
        if gc_was_on:
            gc.enable()
    calls_s = tuple(ns / 1e9 / inferences for ns in latencies_ns)
    check_times(calls_s)
    return Round(calls_s, disturbance_between(before, after))


def _slowed(timer: Callable[[], int], fraction: float) -> Callable[[], int]:
    """Return a timer whose calls are longer by a fraction, because tests of the gate need a known loss.

    The core stays busy meanwhile.
    """
    clock = time.perf_counter_ns

    def slowed_timer() -> int:
        called_ns = timer()
        started = clock()
        end = started + called_ns * fraction
        while clock() < end:
            pass
        return called_ns + clock() - started

    return slowed_timer
