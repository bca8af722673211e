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

PAIRS = 9
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


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("fidelity"))
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
    assert done.returncode == 0, done.stdout[-2000:]
    text = done.stdout
    return float(re.search(r"Median:\s+([\d.]+) ms", text)[1]) / 1e3


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
    tool = "torch.utils.benchmark" if backend == "native" else "benchmark_app"
    with capsys.disabled():
        print(
            f"\nfidelity: {case.id} on {backend}, ours / {tool}: median {ratio.value:.3f} "
            f"({ratio.low:.3f} to {ratio.high:.3f}) over {ratio.n} pairs"
        )
    assert within(ratio, 0.03)
