"""Compare our latencies with those of benchmark_app and torch.utils.benchmark, measured in turn with ours.

All processes have an allocator that keeps its memory: by default two processes of one tool differ by more than is asked
for here, and `bench/test_fidelity.py` compares many of them. Prints one line for each comparison; fails where the
median ratio lies outside 1 ± 3%. It takes about two minutes.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import pytest
from intervals import median_ratio, within
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.protocol import Turn

PROCESSES = 6  # trios of processes: ours, and two of the reference tool
BLOCKS = 12  # alternating blocks in a trio
BLOCK_S = 0.05
WARM_UP = 2  # calls, as many as Timer.timeit makes before it times
CASES = [("residual_bottleneck", 8), ("residual_depthwise_bottleneck", 8)]
# A process of a reference tool: for each line that it reads, it measures one block and answers with seconds per call
# and the latency by the tool's own definition.
REFERENCE = """
import pickle, sys
from pathlib import Path
from pytest_formfunc.measure.parking import wait_until_parked
source, artifact, threads = pickle.loads(bytes.fromhex(sys.argv[1]))
{load}
print("ready", flush=True)
for line in sys.stdin:
    number = int(line)
    seconds, latency = block(number)
    wait_until_parked()
    print(seconds, latency, flush=True)
"""
TORCH_TIMER = """
import torch
from torch.utils.benchmark import Timer
torch.set_num_threads(threads)
network = source.restore(Path(artifact))
inputs = source.inputs(source.seed).args
mode = torch.inference_mode()  # it ends with the object
mode.__enter__()
timer = Timer("network(*inputs)", globals={"network": network, "inputs": inputs}, num_threads=threads)
timer.timeit(20)
def block(number):
    mean = timer.timeit(number).mean
    return mean, mean
"""
# benchmark_app's own loop, with the settings "-api sync -hint none -nstreams 1 -infer_precision f32". The latency that
# it prints ends inside OpenVINO's C++ code; its throughput includes the Python call.
BENCHMARK_APP = """
from statistics import fmean
import openvino
from openvino.tools.benchmark.benchmark import Benchmark
class Queue:
    def get_next_batch_size(self): return 1
app = Benchmark("CPU", 1, 20, None, "sync", True)
settings = {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
[request] = app.create_infer_requests(app.core.compile_model(artifact, "CPU", settings))
arrays = [tensor.numpy() for tensor in source.inputs(source.seed).tensors]
for index, array in enumerate(arrays):
    request.set_input_tensor(index, openvino.Tensor(array, shared_memory=True))
def block(number):
    app.niter = 2
    app.sync_inference(request, Queue())
    app.niter = number
    times, total, iterations = app.sync_inference(request, Queue())
    return total / iterations, fmean(times) / 1e3
block(20)
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """Yield a laboratory whose processes, and those of the reference tools, keep their memory and never fault."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"):
            patch.setenv(name, str(256 << 20))
        one = Laboratory(tmp_path_factory.mktemp("reference-tools"), servers=PROCESSES)
        one.start()
        yield one
        one.close()


def report(capsys, what, ratio):
    with capsys.disabled():
        print(
            f"\nfidelity: {what}: median {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) over {ratio.n} trios"
        )


class Reference:
    """A fresh process of a reference tool, ready to measure blocks."""

    def __init__(self, load, packed):
        self.process = subprocess.Popen(
            [sys.executable, "-c", REFERENCE.format(load=load), packed.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.latencies = []
        assert self.process.stdout.readline().strip() == "ready"

    def seconds(self, calls):
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        seconds, latency = map(float, self.process.stdout.readline().split())
        self.latencies.append(latency)
        return seconds

    def close(self):
        self.process.communicate()


class Ours:
    """One of our workers, measured in blocks of the schedule."""

    def __init__(self, worker):
        self.worker = worker

    def seconds(self, calls):
        return fmean(self.worker.ask(Turn(WARM_UP, calls)).calls_s)


@dataclass
class Compared:
    """Our worker and a second reference process, each against the first: a median ratio for each trio."""

    ours: list[float]
    itself: list[float]
    to_latency: list[float]  # ours against the latency by the tool's own definition


def compare(laboratory, pattern, depth, backend, load):
    """Measure a worker of ours and two fresh processes of the reference tool in turn, in many short blocks."""
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    packed = pickle.dumps((case.source, str(Path(prepared.folder) / prepared.artifacts[backend]), laboratory.threads))
    found = Compared([], [], [])
    for trio in range(PROCESSES):
        references = [Reference(load, packed), Reference(load, packed)]
        with laboratory.worker(case, prepared, backend, trio) as (worker, call_s):
            everyone = [Ours(worker), *references]
            calls = max(2, round(BLOCK_S / call_s))
            blocks = {one: [] for one in everyone}
            for block in range(BLOCKS):
                for one in everyone if block % 2 else everyone[::-1]:
                    blocks[one].append(one.seconds(calls))
        for one in references:
            one.close()
        mine, theirs, others = blocks.values()
        found.ours.append(median(a / b for a, b in zip(mine, theirs, strict=True)))
        found.itself.append(median(a / b for a, b in zip(others, theirs, strict=True)))
        found.to_latency.append(median(a / b for a, b in zip(mine, references[0].latencies, strict=True)))
    return found


def print_comparison(capsys, what, tool, found):
    """Print the results; return ours against the reference as a ratio with its interval."""
    ratio = median_ratio(found.ours)
    report(capsys, f"{what}, ours / {tool}", ratio)
    report(capsys, f"{what}, {tool} in another process / itself", median_ratio(found.itself))
    with capsys.disabled():
        print(
            f"fidelity: single trios: ours {min(found.ours):.2f} to {max(found.ours):.2f}, reference "
            f"{min(found.itself):.2f} to {max(found.itself):.2f}"
        )
    return ratio


@pytest.mark.parametrize(("pattern", "depth"), CASES)
def test_openvino_is_what_benchmark_app_says(laboratory, pattern, depth, capsys):
    """Compare with seconds per call by its throughput, which include the Python call; its latency does not."""
    what = f"{pattern}-d{depth}-w64 on openvino"
    found = compare(laboratory, pattern, depth, "openvino", BENCHMARK_APP)
    ratio = print_comparison(capsys, what, "benchmark_app", found)
    report(capsys, f"{what}, ours / benchmark_app's latency, without the Python call", median_ratio(found.to_latency))
    assert within(ratio, 0.03)


@pytest.mark.parametrize(("pattern", "depth"), CASES)
def test_native_is_what_torch_utils_benchmark_says(laboratory, pattern, depth, capsys):
    """A second process of the reference tool is compared with the first as well, and printed beside ours."""
    what = f"{pattern}-d{depth}-w64 on native"
    found = compare(laboratory, pattern, depth, "native", TORCH_TIMER)
    ratio = print_comparison(capsys, what, "torch.utils.benchmark", found)
    assert within(ratio, 0.03)
