"""Is our latency what a process of a user's own has? Fresh processes with a plain loop, in turn with launches of ours.

Each of their processes imports the library, builds or compiles the network and calls it in a plain loop. Each of our
launches is forked from another server and takes turns as in a run. Processes of one program differ, mostly in how glibc
manages their memory, so that it is the mean over processes and their spread that have to agree. This is done with
glibc's defaults, with an allocator that keeps its memory by environment variables on both sides (``retaining``), and
with our launches that keep it by themselves beside their processes that do so by those variables (``kept``).

FORMFUNC_REPEATS sets the number of processes on either side (default 16). It takes about nine minutes.
"""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev

import pytest
from intervals import welch_ratio, within
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.quiet import MOST_WAITING, why_disturbed
from pytest_formfunc.measure.schedule import MIN_ROUNDS, plan_turn
from pytest_formfunc.stats.pairs import launch_levels

PROCESSES = int(os.environ.get("FORMFUNC_REPEATS", "16"))
TURNS = 16
TRIES = 3  # processes of a user's that are begun where other work on the machine disturbs each
# A host that slows its guests down for seconds would scatter both sides: each process is measured again, so many times,
# unless the machine was near its best pace before and after. How long that is waited for:
MOMENTS = 4
MOMENT_S = 10.0
PATIENCE_S = 3.0  # time for a launch's turns, disturbed ones included
MANY_FAULTS = 100  # a call: processes then differ by more, and so do the means of sixteen of them
FORMS = [("residual_bottleneck", 8), ("depthwise_separable", 8)]
RETAIN = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"), str(256 << 20))
# A user's process: it answers with the seconds of each call, the page faults of a call, and the share of the time for
# which each of its threads waited for a core.
PLAIN_LOOP = """
import pickle, resource, sys, time
from pathlib import Path
source, artifact, threads = pickle.loads(bytes.fromhex(sys.argv[1]))
def waited_s():
    return sum(int(one.read_text().split()[1]) for one in Path("/proc/self/task").glob("*/schedstat")) / 1e9
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
{load}
for _ in range(20):
    call()
before, waited, taken = faults(), waited_s(), []
end = time.perf_counter() + 0.6
while (began := time.perf_counter()) < end:
    call()
    taken.append(time.perf_counter() - began)
print((faults() - before) / len(taken), (waited_s() - waited) / threads / 0.6, *taken)
"""
NATIVE = """
import torch
torch.set_num_threads(threads)
network = source.restore(Path(artifact))
inputs = source.inputs(source.seed).args
mode = torch.inference_mode()  # it ends with the object
mode.__enter__()
def call():
    network(*inputs)
"""
OPENVINO = """
import openvino
settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
request = openvino.Core().compile_model(artifact, "CPU", settings).create_infer_request()
arrays = [tensor.numpy() for tensor in source.inputs(source.seed).tensors]
for index, array in enumerate(arrays):
    request.set_input_tensor(index, openvino.Tensor(array, shared_memory=True))
def call():
    request.infer()
"""


@dataclass
class Found:
    """What one side's processes found: the log of a call in seconds, and page faults a call."""

    logs: list[float]
    faults: list[float]

    def add(self, seconds, faults):
        self.logs.append(math.log(seconds))
        self.faults.append(faults)

    def __str__(self):
        return (
            f"{1e3 * math.exp(fmean(self.logs)):.3f} ms (sd of the log {stdev(self.logs):.3f}; page faults a call "
            f"{min(self.faults):.0f} to {max(self.faults):.0f}, median {median(self.faults):.0f})"
        )


@pytest.fixture(scope="module")
def laboratory(request, tmp_path_factory):
    """Yield a pool with a server for each launch, whose processes have the allocator that is asked for."""
    one = Laboratory(tmp_path_factory.mktemp("fidelity"), servers=PROCESSES)
    one.allocator = request.param
    with pytest.MonkeyPatch.context() as patch:
        for name, value in RETAIN.items() if one.allocator == "retaining" else ():
            patch.setenv(name, value)
        one.start()
    yield one
    one.close()


def theirs(packed, load, environment):
    """Start a user's process; return the seconds of a call and its page faults."""
    for _ in range(TRIES):
        done = subprocess.run(
            [sys.executable, "-c", PLAIN_LOOP.format(load=load), packed.hex()], env=environment, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        faults, waiting, *taken = map(float, done.stdout.split())
        if waiting <= MOST_WAITING:
            break
    calls = plan_turn(median(taken)).calls
    turns = [taken[start : start + calls] for start in range(0, len(taken) - calls + 1, calls)]
    return summary(turns), faults


def at_a_good_moment(laboratory, measure):
    """Return what a process found while the machine was near its best pace, or the last try's."""
    pace = laboratory.pace
    for _ in range(MOMENTS):
        end = time.monotonic() + MOMENT_S
        while not pace.is_near(pace.take()) and time.monotonic() < end:
            time.sleep(0.05)
        found = measure()
        if pace.is_near(pace.take()):
            break
    return found


def summary(turns):
    """Return the seconds of a call as a run summarises turns.

    Both sides need this: slow calls are further from the median than fast ones, so that the mean of medians of three
    calls is above the median of them all.
    """
    return math.exp(launch_levels([[median(turn) for turn in turns]])[0])


def ours(laboratory, case, prepared, backend, launch):
    """Let a launch take its turns alone; return the seconds of a call as a run summarises them, and its page faults."""
    keep = laboratory.allocator == "kept"
    quiet, everything = [], []
    with laboratory.worker(case, prepared, backend, launch, keep_memory=keep) as (worker, warm_s):
        call_s, end = warm_s, time.monotonic() + PATIENCE_S
        while len(quiet) < TURNS and time.monotonic() < end:
            turn = plan_turn(call_s)
            answer = worker.ask(turn)
            everything.append(answer)
            cause = why_disturbed(answer.disturbance, laboratory.threads, laboratory.threads, turn.calls * call_s)
            quiet += [answer] if cause is None else []
            call_s = min(call_s, median(answer.calls_s))
    turns = quiet if len(quiet) >= MIN_ROUNDS else everything
    faults = sum(turn.disturbance.page_faults for turn in turns) / sum(len(turn.calls_s) for turn in turns)
    return summary([turn.calls_s for turn in turns]), faults


def check(laboratory, pattern, depth, backend, load, capsys):
    """Compare processes of both sides in turn."""
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    packed = pickle.dumps((case.source, str(Path(prepared.folder) / prepared.artifacts[backend]), laboratory.threads))
    environment = {**os.environ, **({} if laboratory.allocator == "default" else RETAIN)}
    mine, users = Found([], []), Found([], [])
    for launch in range(PROCESSES):
        sides = [
            (users, lambda: theirs(packed, load, environment)),
            (mine, lambda launch=launch: ours(laboratory, case, prepared, backend, launch)),
        ]
        for found, measure in sides if launch % 2 else sides[::-1]:
            found.add(*at_a_good_moment(laboratory, measure))
    ratio = welch_ratio(mine.logs, users.logs)
    with capsys.disabled():
        print(f"\nfidelity: {case.id} on {backend}, {laboratory.allocator} allocator, {PROCESSES} processes a side")
        print(f"fidelity:   a user's own loop: {users}")
        print(f"fidelity:   launches of ours:  {mine}")
        print(f"fidelity:   ours / theirs {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})")
    near = 0.10 if median([*mine.faults, *users.faults]) > MANY_FAULTS else 0.05
    assert ratio.low <= 1 <= ratio.high or within(ratio, near)


@pytest.mark.parametrize("laboratory", ["default", "retaining", "kept"], indirect=True)
@pytest.mark.parametrize(("pattern", "depth"), FORMS)
def test_native_is_what_a_users_process_has(laboratory, pattern, depth, capsys):
    """The mean over servers is that over fresh processes of a user's own, page faults included."""
    check(laboratory, pattern, depth, "native", NATIVE, capsys)


@pytest.mark.parametrize("laboratory", ["default", "retaining"], indirect=True)
@pytest.mark.parametrize(("pattern", "depth"), FORMS)
def test_openvino_is_what_a_users_process_has(laboratory, pattern, depth, capsys):
    """The same of the engine, whose processes hardly differ."""
    check(laboratory, pattern, depth, "openvino", OPENVINO, capsys)
