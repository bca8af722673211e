"""Are our latencies those of benchmark_app and of torch.utils.benchmark, taken in turn with ours?

Prints one line a comparison; fails where the interval of the ratio lies outside 1 ± 3%.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from laboratory import Laboratory, median_ratio, turn, within

from pytest_formfunc.cases import pattern_case

PAIRS = 7
CASES = [("residual_bottleneck", 8), ("residual_depthwise_bottleneck", 8)]
NATIVE_BLOCK = """
import sys, pickle, torch
from pathlib import Path
from torch.utils.benchmark import Timer
source, artifact, threads = pickle.loads(bytes.fromhex(sys.argv[1]))
torch.set_num_threads(threads)
network = source.restore(Path(artifact))
inputs = source.inputs(source.seed)
with torch.inference_mode():
    timer = Timer("network(*inputs)", globals={"network": network, "inputs": inputs}, num_threads=threads)
    timer.timeit(20)
    print(timer.blocked_autorange(min_run_time=1.0).median)
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
        turns = [turn(worker, call_s) for _ in range(30)]
    return sorted(turns)[len(turns) // 2]


def benchmark_app(model, threads):
    """Return benchmark_app's median in seconds: one synchronous request on one stream, float32."""
    command = [
        str(Path(sys.executable).with_name("benchmark_app")), "-m", str(model), "-d", "CPU", "-api", "sync", "-hint",
        "none", "-nstreams", "1", "-nthreads", str(threads), "-infer_precision", "f32", "-t", "2",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    median = re.search(r"Median:\s+(\S+) (us|ms)", done.stdout)
    assert median, done.stdout[-2000:]
    return float(median[1]) * {"us": 1e-6, "ms": 1e-3}[median[2]]


def torch_timer(case, prepared, threads):
    """Return the median of torch.utils.benchmark in seconds, from a fresh process."""
    import pickle

    artifact = str(Path(prepared.folder) / prepared.artifacts["native"])
    packed = pickle.dumps((case.source, artifact, threads)).hex()
    done = subprocess.run([sys.executable, "-c", NATIVE_BLOCK, packed], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize(("pattern", "depth"), CASES)
@pytest.mark.parametrize("backend", ["openvino", "native"])
def test_latency_is_that_of_the_reference_tool(laboratory, backend, pattern, depth, capsys):
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    ratios = []
    for pair in range(PAIRS):
        measurements = {}
        for who in ("ours", "theirs") if pair % 2 else ("theirs", "ours"):
            if who == "ours":
                measurements[who] = ours(laboratory, case, prepared, backend)
            elif backend == "native":
                measurements[who] = torch_timer(case, prepared, laboratory.threads)
            else:
                model = Path(prepared.folder) / prepared.artifacts["openvino"]
                measurements[who] = benchmark_app(model, laboratory.threads)
        ratios.append(measurements["ours"] / measurements["theirs"])
    ratio = median_ratio(ratios)
    # With the default allocator each process of the reference tool has one heap layout, with its accident of page
    # faults; ours draws many. That is printed, not asserted: the clock is checked where neither side faults.
    tool = "torch.utils.benchmark" if backend == "native" else "benchmark_app"
    with capsys.disabled():
        print(
            f"\nfidelity: {case.id} on {backend}, {laboratory.allocator} allocator, ours / {tool}: "
            f"median {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) over {ratio.n} pairs"
        )
    if backend == "openvino" or laboratory.allocator == "retaining":
        assert within(ratio, 0.03)
