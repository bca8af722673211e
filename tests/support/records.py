"""Records made from known latencies, for tests of the gate and of reports."""

import numpy as np

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Latency, Noise, Samples
from pytest_formfunc.stats import speedup_estimate


def samples(seconds, launches=6, scatter=0.02, seed=0):
    """Make rounds around a latency in seconds."""
    generator = np.random.default_rng(seed)
    rounds = seconds * np.exp(generator.normal(0, scatter, size=(launches, 8)))
    together = tuple(tuple(launch) for launch in rounds.tolist())
    return Samples(together, together)


def record(accelerated_s, native_s=0.010, draw=0, **changes):
    accelerated, native = samples(accelerated_s, seed=draw), samples(native_s, seed=draw + 100)
    values = {
        "case": "residual-d8-w64", "form": {"kind": "pattern", "name": "residual", "depth": 8, "width": 64},
        "input_shape": (1, 3, 224, 224), "batch": 1, "seed": 0, "backend": "openvino", "native": False,
        "precision": "f32", "device": "CPU", "threads": 2, "iterations": 48,
        "latency_s": Latency(*[accelerated_s] * 6), "compile_s": 0.1, "first_call_s": 0.01, "peak_rss_bytes": 1,
        "cost": {"macs": 1}, "noise": Noise(0, 0, 0, 0, 0.0), "samples": accelerated,
        "host": {"cpu": "CPU", "isa": ["avx2"], "cores": 2, "llc_bytes": 2**25, "versions": {"openvino": "1"}}, "fingerprint": "here", "stopped": "budget",
        "speedup": speedup_estimate(native.median, accelerated.median), "native_samples": native,
        "graph": {"hash": "a", "kernels": {"brgconv": 17}},
    }  # fmt: skip
    return Record(**{**values, **changes})


def saved(made):
    return Record.from_json(made.to_json())
