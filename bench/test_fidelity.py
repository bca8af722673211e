"""Are our latencies those of benchmark_app and of torch.utils.benchmark, taken in turn with ours?

Prints one line a comparison; fails where the interval of the ratio lies outside 1 ± 3%.
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
# A process of the reference tool: for each line that it reads it measures one block, and answers with seconds a call.
TORCH_TIMER = """
import pickle, resource, sys, torch
from pathlib import Path
from torch.utils.benchmark import Timer
from pytest_formfunc.measure.parking import wait_until_parked
source, artifact, threads = pickle.loads(bytes.fromhex(sys.argv[1]))
torch.set_num_threads(threads)
network = source.restore(Path(artifact))
inputs = source.inputs(source.seed)
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
        print(seconds, faults / number, flush=True)
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


@pytest.mark.parametrize(("pattern", "depth"), CASES)
def test_native_is_what_torch_utils_benchmark_says(laboratory, pattern, depth, capsys):
    """A worker of ours and a fresh process of the reference tool, in short blocks turn by turn, several times.

    With the default allocator each process of the reference tool has one heap layout, with its accident of page
    faults; ours draws many. That ratio is printed, not asserted: the clock is checked where neither side faults.
    """
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    packed = pickle.dumps((case.source, str(Path(prepared.folder) / prepared.artifacts["native"]), laboratory.threads))
    ratios, faults = [], {True: [], False: []}
    for _ in range(PROCESSES):
        with (
            subprocess.Popen(
                [sys.executable, "-c", TORCH_TIMER, packed.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True,
            ) as theirs,
            laboratory.worker(case, prepared, "native") as (mine, call_s),
        ):  # fmt: skip
            assert theirs.stdout.readline().strip() == "ready"
            calls = max(2, round(BLOCK_S / call_s))
            pairs = []
            for block in range(BLOCKS):
                seconds = {}
                for us in (True, False) if block % 2 else (False, True):
                    if us:
                        turn_of_ours = mine.ask(turn_of_round(Turn(WARM_UP, calls), block))
                        seconds[us] = fmean(turn_of_ours.calls_s)
                        faults[us].append(turn_of_ours.disturbance.page_faults / calls)
                    else:
                        theirs.stdin.write(f"{calls}\n")
                        theirs.stdin.flush()
                        seconds[us], fault_count = map(float, theirs.stdout.readline().split())
                        faults[us].append(fault_count)
                pairs.append(seconds[True] / seconds[False])
            theirs.stdin.close()
        ratios.append(median(pairs))
    ratio = median_ratio(ratios)
    report(capsys, f"{case.id} on native, {laboratory.allocator} allocator, ours / torch.utils.benchmark", ratio)
    with capsys.disabled():
        print(
            f"fidelity: page faults a call, median: ours {median(faults[True]):.0f}, theirs {median(faults[False]):.0f}"
        )
    if laboratory.allocator == "retaining":
        assert within(ratio, 0.03)
