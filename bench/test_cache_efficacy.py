"""Do the ways to find cache efficacy agree? A chain of products whose working set crosses the last-level cache.

Each product multiplies one vector by another matrix, so that a call reads all matrices once and computes nothing
twice. What a call is worth to the next is found by time (cold against sham), by counters where the processor has any,
and by the model; a sweep of the bandwidth of reading says, in the same run, where the cache ends. Where a guest's cache
is shared, only the agreement with that sweep is claimed. Then the sham, peak and bandwidth: beside warm calls, and
beside another program's figures. It takes a minute.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time
from statistics import fmean, median

import pytest

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.function.cache_model import modelled_traffic, touches_of
from pytest_formfunc.function.efficacy import by_counters, by_time, cache_edge, crossing
from pytest_formfunc.host import allowed_cores, cache_share
from pytest_formfunc.measure.instruments.base import Launches, Subject, ratio_of
from pytest_formfunc.measure.instruments.cache_sweep import reading_speed
from pytest_formfunc.measure.instruments.cold_cache import ALL, SHAM, WARM, ColdCache
from pytest_formfunc.measure.instruments.perf_stat import has_hardware_counters, perf_stat
from pytest_formfunc.measure.instruments.roof import PRODUCT, SIZE, triad
from pytest_formfunc.stats import quantile
from pytest_formfunc.units import format_estimate

WIDTH = 512  # rows and columns of a matrix: 1 MiB
MIB = 1 << 20
LAUNCHES = 3
WITHIN = 1.5
THREADS = allowed_cores()


def sizes():
    """Return numbers of matrices from an eighth of the cache to four times it."""
    llc = cache_share().llc_bytes or 32 * MIB
    return sorted({max(2, round(llc / 8 * 2 ** (step / 3) / MIB)) for step in range(16)})


@pytest.fixture(scope="module")
def torch():
    import torch as found

    found.set_num_threads(THREADS)
    with found.inference_mode():
        yield found


def timed(call):
    def timer():
        began = time.perf_counter_ns()
        call()
        return time.perf_counter_ns() - began

    return timer


def subject_of(timer, module_bytes):
    cost = {"macs": 1, "weight_bytes": 0, "activation_bytes": module_bytes}
    return Subject(timer, lambda: timer, None, lambda: None, 1, THREADS, cost, cache_share())


def chains(torch):
    """Yield each chain's number of bytes, its module and its input."""
    for count in sizes():
        module = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(count))).eval()
        yield count * MIB, module, torch.randn(1, WIDTH)


def engines(module, example):
    """Yield what calls a module: native, and OpenVINO."""
    import openvino

    yield "native", lambda: module(example)
    compiled = openvino.compile_model(openvino.convert_model(module, example_input=example), "CPU", {
        "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
    })  # fmt: skip
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(example.numpy(), shared_memory=True))
    yield "openvino", request.infer


def test_ways_agree(torch, capsys):
    """The step by time is within a factor of 1.5 of that of the bandwidth sweep of the same run, on both sides."""
    llc = cache_share()
    sweep, by_model, touched = [], [], []
    found = {"native": [], "openvino": []}
    counted = []
    rows = []
    for size, module, example in chains(torch):
        sweep.append((size, reading_speed(size, calls=30)))
        touched.append((size, touches_of(torch.export.export(module, (example,)), fused=True)))
        traffic = modelled_traffic(touched[-1][1], llc.llc_bytes)
        by_model.append((size, traffic.efficacy))
        row = []
        for name, call in engines(module, example):
            launches = [ColdCache().observe(subject_of(timed(call), size)) for _ in range(LAUNCHES)]
            cold, sham = (median(quantile(seen["seconds"][arm], 0.25) for seen in launches) for arm in (ALL, SHAM))
            found[name].append((size, cold - sham, cold))
            row.append(f"{name} warm {median(quantile(s['seconds'][WARM], 0.25) for s in launches) * 1e3:.3f} ms, "
                       f"sham {sham * 1e3:.3f}, cold {cold * 1e3:.3f}")  # fmt: skip
            if name == "native" and has_hardware_counters():
                with perf_stat(["LLC-load-misses:u"]) as events:
                    for _ in range(20):
                        call()
                counted.append((size, by_counters(events["LLC-load-misses"].value / 20, traffic.cold_bytes)))
        rows.append((size, row))
    outside = median(speed for _, speed in sweep[-3:])
    edge = cache_edge(sweep)
    steps = {"bandwidth of reading": edge, "model of the whole cache": crossing(by_model, 0.5)}
    curves = {name: [(size, by_time(extra, 0.0, outside, size)) for size, extra, _ in some]
              for name, some in found.items()}  # fmt: skip
    steps |= {f"{name}, by time": cache_edge(points) for name, points in curves.items()}
    if edge is not None:
        touches = [(size, modelled_traffic(some, int(edge)).efficacy) for size, some in touched]
        steps["model of the cache that the sweep finds"] = crossing(touches, 0.5)
    if counted:
        steps["native, by counters"] = cache_edge(counted)
    with capsys.disabled():
        print(f"\nlast-level cache {llc.llc_bytes / MIB:.0f} MiB ({'; '.join(llc.reasons) or 'all of it ours'})")
        for at, (size, row) in enumerate(rows):
            told = ", ".join(f"{name} {points[at][1]:.2f}" for name, points in curves.items())
            print(f"{size / MIB:4.0f} MiB: reading {sweep[at][1] / 1e9:.1f} GB/s; efficacy by time {told}, by the "
                  f"model {by_model[at][1]:.2f}; {'; '.join(row)}")  # fmt: skip
        for name, step in steps.items():
            print(f"step of {name}: {'none' if step is None else f'{step / MIB:.1f} MiB'}")
    assert edge is not None
    for name in ("native, by time", "openvino, by time", "model of the cache that the sweep finds"):
        assert steps[name] is not None, name
        assert 1 / WITHIN <= steps[name] / edge <= WITHIN, name


def test_sham_beside_warm(torch, capsys):
    """A pause alone makes calls slower, which is printed with its interval; cold calls are slower still."""
    module = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))).eval()
    example = torch.randn(1, WIDTH)
    for name, call in engines(module, example):
        launches = [ColdCache().observe(subject_of(timed(call), 4 * MIB)) for _ in range(5)]
        logs = [
            fmean(math.log(a / b) for a, b in zip(seen["seconds"][SHAM], seen["seconds"][WARM], strict=True))
            for seen in launches
        ]
        summed = ColdCache().sum_up(Launches(launches, [], {}))
        with capsys.disabled():
            print(f"\n{name}, 4 MiB: sham over warm {format_estimate(ratio_of(logs))}, cold over sham "
                  f"{summed['cold_over_sham']['value']:.2f}x")  # fmt: skip
        assert summed["cold_over_sham"]["low"] > 1


def test_peak_and_bandwidth_beside_other_programs(torch, capsys):
    """The peak beside numpy's product (OpenBLAS), the triad beside mbw's copies, where that is installed."""
    import numpy as np

    product = PRODUCT.build()
    ours = 2 * SIZE**3 / min(timed(lambda: product.module(*product.inputs.args))() for _ in range(20))
    a, b = (np.random.default_rng(seed).random((SIZE, SIZE), dtype=np.float32) for seed in (0, 1))
    theirs = 2 * SIZE**3 / min(timed(lambda: a @ b)() for _ in range(20))
    size = 4 * (cache_share().llc_bytes or 32 * MIB)
    speed = triad(size) / 1e9
    with capsys.disabled():
        print(f"\npeak: torch's product {ours:.0f} GFLOP/s, numpy's {theirs:.0f} GFLOP/s, {THREADS} threads")
        print(f"bandwidth: triad {speed:.1f} GB/s, {THREADS} threads; {mbw(size)}")
    assert 0.5 < ours / theirs < 2


def mbw(size):
    """Return what mbw says of copying, in words; it runs on one thread and counts what it copies once."""
    if shutil.which("mbw") is None:
        return "mbw is not installed"
    text = subprocess.run(
        ["mbw", "-n", "5", "-t0", str(size // 3 // MIB)], capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout  # fmt: skip
    (line,) = [one for one in text.splitlines() if one.startswith("AVG")][-1:] or [""]
    if not line:
        raise MeasurementError(f"mbw says {text!r}")
    return (
        f"mbw's memcpy reads and writes {2 * float(line.split('Copy: ')[1].split()[0]) * MIB / 1e9:.1f} GB/s, 1 thread"
    )
