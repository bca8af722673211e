"""What OpenVINO's cache of compiled models would save of a launch, and whether it changes what a call takes.

New processes compile one model in turn with and without the cache (``CACHE_DIR``), and time some calls.
FORMFUNC_REPEATS is the number of pairs of each form (12). We do not use the cache: ``compile_s`` would not be a user's,
and a launch would be shorter by a few percent only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median, stdev

import pytest
from intervals import median_ratio
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "12"))
FORMS = [("depthwise_separable", 8), ("residual_bottleneck", 8), ("channel_shuffle", 8)]
ONE = """
import json, sys, time
import openvino
model, threads, cache = sys.argv[1:]
settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": int(threads)}
settings |= {"CACHE_DIR": cache} if cache else {}
clock = time.perf_counter
began = clock()
request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
compiled = clock()
request.infer()
first = clock()
calls = []
for _ in range(40):
    before = clock()
    request.infer()
    calls.append(clock() - before)
print(json.dumps([compiled - began, first - compiled, sorted(calls)[len(calls) // 2]]))
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("compiled"), servers=1)
    yield one
    one.close()


@pytest.mark.parametrize(("pattern", "depth"), FORMS)
def test_a_cached_model_is_as_fast_and_loads_sooner(laboratory, pattern, depth, tmp_path, capsys):
    """Figures for docs/figures.md; the latency must not differ by more than 5%."""
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    model = str(Path(prepared.folder) / prepared.artifacts["openvino"])

    def run(cache: str) -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", ONE, model, str(laboratory.threads), cache],
            capture_output=True,
            text=True,
            check=True,
        )
        found: list[float] = json.loads(done.stdout.splitlines()[-1])
        return found

    run(str(tmp_path))  # fills the cache
    pairs = [(run(""), run(str(tmp_path))) for _ in range(REPEATS)]
    plain, cached = zip(*pairs, strict=True)
    ratio = median_ratio([there[2] / here[2] for here, there in pairs])
    compiling, first = ([median(run[part] for run in runs) * 1e3 for runs in (plain, cached)] for part in (0, 1))
    spread = [stdev(run[2] for run in runs) / median(run[2] for run in runs) for runs in (plain, cached)]
    with capsys.disabled():
        print(
            f"\ncompiled cache: {case.id}: compiling {compiling[0]:.0f} -> {compiling[1]:.0f} ms; first call "
            f"{first[0]:.1f} -> {first[1]:.1f} ms; a call with the cache / without it {ratio.value:.3f} "
            f"({ratio.low:.3f} to {ratio.high:.3f}), spread over processes {spread[0]:.1%} -> {spread[1]:.1%}"
        )
    assert ratio.low <= 1.05
    assert ratio.high >= 0.95
