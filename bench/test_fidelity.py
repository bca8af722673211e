"""Are our latencies those of benchmark_app and of torch.utils.benchmark, taken in turn with ours?

Prints one line a comparison; fails where the median ratio lies outside 1 ± 3%.
"""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean, median

import pytest
from laboratory import Laboratory, median_ratio, turn, within

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.schedule import Turn, turn_of_round

PROCESSES = 8  # pairs of processes
BLOCKS = 16  # alternating blocks in a pair of processes
BLOCK_S = 0.05
WARM_UP = 2  # calls, what Timer.timeit does before it times
CASES = [("residual_bottleneck", 8), ("residual_depthwise_bottleneck", 8)]
# A process of the reference tool: for each line that it reads it measures one block, and answers with seconds a call
# and page faults a call.
TORCH_TIMER = """
import pickle, resource, sys, torch
from pathlib import Path
from torch.utils.benchmark import Timer
from pytest_formfunc.measure.parking import wait_until_parked
source, artifact, threads = pickle.loads(bytes.fromhex(sys.argv[1]))
torch.set_num_threads(threads)
network = source.restore(Path(artifact))
inputs = source.inputs(source.seed).args
with torch.inference_mode():
    timer = Timer("network(*inputs)", globals={"network": network, "inputs": inputs}, num_threads=threads)
    timer.timeit(20)
    print("ready", flush=True)
    for line in sys.stdin:
        number = int(line)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        seconds = timer.timeit(number).mean
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        wait_until_parked()
        print(seconds, faults / (number + 2), flush=True)  # it warms up with two calls
"""


@pytest.fixture(params=["default", "retaining"])
def laboratory(request, tmp_path, monkeypatch):
    """Give a laboratory whose processes use glibc as it is, or one that keeps its memory and never faults."""
    if request.param == "retaining":
        for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"):
            monkeypatch.setenv(name, str(256 << 20))
    one = Laboratory(tmp_path)
    one.allocator = request.param
    yield one
    one.server.close()


def ours(laboratory, case, prepared, backend):
    """Measure as the suite does, this backend alone: one fresh worker, turns for about a second."""
    with laboratory.worker(case, prepared, backend) as (worker, call_s):
        turns = [turn(worker, call_s, index) for index in range(60)]
    return sorted(turns)[len(turns) // 2]


def benchmark_app(model, threads):
    """Return benchmark_app's median in seconds: one synchronous request on one stream, float32."""
    command = [
        str(Path(sys.executable).with_name("benchmark_app")), "-m", str(model), "-d", "CPU", "-api", "sync", "-hint",
        "none", "-nstreams", "1", "-nthreads", str(threads), "-infer_precision", "f32", "-t", "1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Median:\s+(\S+) (us|ms)", done.stdout)
    assert found, done.stdout[-2000:]
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3}[found[2]]


def report(capsys, what, ratio):
    with capsys.disabled():
        print(
            f"\nfidelity: {what}: median {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) over {ratio.n} pairs"
        )


@pytest.mark.parametrize(("pattern", "depth"), CASES)
def test_openvino_is_what_benchmark_app_says(laboratory, pattern, depth, capsys):
    """Fresh processes of both in turn: benchmark_app cannot be asked for short blocks."""
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    model = Path(prepared.folder) / prepared.artifacts["openvino"]
    ratios = []
    for pair in range(2 * PROCESSES):
        seconds = {}
        for mine in (True, False) if pair % 2 else (False, True):
            if mine:
                seconds[mine] = ours(laboratory, case, prepared, "openvino")
            else:
                seconds[mine] = benchmark_app(model, laboratory.threads)
        ratios.append(seconds[True] / seconds[False])
    ratio = median_ratio(ratios)
    report(capsys, f"{case.id} on openvino, {laboratory.allocator} allocator, ours / benchmark_app", ratio)
    assert within(ratio, 0.03)


class Reference:
    """A fresh process of torch.utils.benchmark, ready to measure blocks."""

    def __init__(self, packed):
        self.process = subprocess.Popen(
            [sys.executable, "-c", TORCH_TIMER, packed.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.faults = []
        assert self.process.stdout.readline().strip() == "ready"

    def seconds(self, calls):
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        seconds, faults = map(float, self.process.stdout.readline().split())
        self.faults.append(faults)
        return seconds

    def close(self):
        self.process.communicate()


class Ours:
    """One of our workers, measured in blocks of the schedule."""

    def __init__(self, worker):
        self.worker = worker
        self.faults = []
        self.blocks = 0

    def seconds(self, calls):
        answer = self.worker.ask(turn_of_round(Turn(WARM_UP, calls), self.blocks))
        self.blocks += 1
        self.faults.append(answer.disturbance.page_faults / calls)
        return fmean(answer.calls_s)


@pytest.mark.parametrize(("pattern", "depth"), CASES)
def test_native_is_what_torch_utils_benchmark_says(laboratory, pattern, depth, capsys):
    """A worker of ours and two fresh processes of the reference tool, in short blocks turn by turn, several times.

    With the default allocator a process has one heap for as long as it lives, and its accident of page faults: two
    processes of the reference tool differ from each other, which is printed beside ours. There ours has to be as near
    to the reference as another process of the reference is; where nobody faults, within 3%.
    """
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    packed = pickle.dumps((case.source, str(Path(prepared.folder) / prepared.artifacts["native"]), laboratory.threads))
    ours_to_theirs, theirs_to_theirs, faults = [], [], {"ours": [], "theirs": []}
    for _ in range(PROCESSES):
        references = [Reference(packed), Reference(packed)]
        with laboratory.worker(case, prepared, "native") as (worker, call_s):
            everyone = [Ours(worker), *references]
            calls = max(2, round(BLOCK_S / call_s))
            blocks = {one: [] for one in everyone}
            for block in range(BLOCKS):
                for one in everyone if block % 2 else everyone[::-1]:
                    blocks[one].append(one.seconds(calls))
        for one in references:
            one.close()
        mine, theirs, others = blocks.values()
        ours_to_theirs.append(median(mine[block] / theirs[block] for block in range(BLOCKS)))
        theirs_to_theirs.append(median(others[block] / theirs[block] for block in range(BLOCKS)))
        faults["ours"] += everyone[0].faults
        faults["theirs"] += everyone[1].faults
    ratio, itself = median_ratio(ours_to_theirs), median_ratio(theirs_to_theirs)
    what = f"{case.id} on native, {laboratory.allocator} allocator"
    report(capsys, f"{what}, ours / torch.utils.benchmark", ratio)
    report(capsys, f"{what}, torch.utils.benchmark in another process / itself", itself)
    with capsys.disabled():
        print(
            f"fidelity: single pairs: ours {min(ours_to_theirs):.2f} to {max(ours_to_theirs):.2f}, reference "
            f"{min(theirs_to_theirs):.2f} to {max(theirs_to_theirs):.2f}; median page faults a call: "
            + ", ".join(f"{whose} {median(counts):.0f}" for whose, counts in faults.items())
        )
    if laboratory.allocator == "retaining":
        assert within(ratio, 0.03)
    else:
        assert min(theirs_to_theirs) <= ratio.value <= max(theirs_to_theirs)
