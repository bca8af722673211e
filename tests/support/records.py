"""Records made from known latencies, for tests of the gate and of reports."""

import math
from dataclasses import replace

import numpy as np

from pytest_formfunc.records import METHOD, METHOD_DEFAULT, Record
from pytest_formfunc.records.parts import (
    MET,
    NOT_SHOWN,
    Counterpart,
    Factor,
    JudgedLaunches,
    Latency,
    Limit,
    Noise,
    Parity,
    ProcessRange,
    Samples,
    Verdict,
)
from pytest_formfunc.stats import Estimate, estimate_over_servers
from pytest_formfunc.stats.pairs import launch_levels, launch_logs
from pytest_formfunc.stats.servers import DEFAULT_SD, KEPT_SD, LEVEL_SD

CAUSE = "its threads waited for cores that other programs kept busy"


def samples(seconds, launches=6, scatter=0.02, seed=0):
    """Make rounds around a latency in seconds."""
    generator = np.random.default_rng(seed)
    rounds = seconds * np.exp(generator.normal(0, scatter, size=(launches, 8)))
    together = tuple(tuple(launch) for launch in rounds.tolist())
    return Samples(together, together)


def ratio(native, accelerated, prior_sd=DEFAULT_SD, level=0.95):
    """Estimate a speedup as a run does, where each launch has a server of its own."""
    logs = launch_logs(native.median, accelerated.median)
    return estimate_over_servers(logs, range(len(logs)), prior_sd, level)


def level(own, beside):
    """Estimate a typical latency as a run does, where each launch has a server of its own."""
    return estimate_over_servers(launch_levels(own.median, beside.median), range(len(own.median)), LEVEL_SD)


def record(accelerated_s, native_s=0.010, draw=0, **changes):
    """Make a record of a machine where no process can be made to keep its memory; each launch has its own server."""
    accelerated = changes.get("samples", samples(accelerated_s, seed=draw))
    native = changes.get("native_samples", samples(native_s, seed=draw + 100))
    values = {
        "case": "residual-d8-w64", "form": {"kind": "pattern", "name": "residual", "depth": 8, "width": 64},
        "input_shape": (1, 3, 224, 224), "batch": 1, "seed": 0, "backend": "openvino", "native": False,
        "precision": "f32", "device": "CPU", "threads": 2, "iterations": 48,
        "latency_s": Latency(*[accelerated_s] * 6), "compile_s": 0.1, "first_call_s": 0.01, "peak_rss_bytes": 1,
        "cost": {"macs": 1}, "noise": Noise(0, 0, 0, 0, 0.0), "samples": accelerated,
        "host": {"cpu": "CPU", "isa": ["avx2"], "cores": 2, "llc_bytes": 2**25, "versions": {"openvino": "1"}}, "fingerprint": "here", "stopped": "budget",
        "native_samples": native, "graph": {"hash": "a", "kernels": {"brgconv": 17}},
        "method": METHOD_DEFAULT, "servers": tuple(range(len(accelerated.median))),
    }  # fmt: skip
    if native is not None:
        values |= {"speedup": ratio(native, accelerated), "typical_s": level(accelerated, native)}
    return Record(**{**values, **changes})


def native_record(native_s=0.01, **changes):
    """Make the record of native itself."""
    own = samples(native_s, seed=100)
    return record(
        native_s, backend="native", native=True, speedup=None, native_samples=None, samples=own,
        typical_s=level(own, own), **changes,
    )  # fmt: skip


def memory_kept(made, native_kept_s, draw=0):
    """Give a record what was measured with memory kept; its engine keeps its memory anyway."""
    native = samples(native_kept_s, seed=draw + 200)
    return replace(
        made,
        method=METHOD,
        native_kept_samples=native,
        speedup_memory_kept=ratio(native, made.samples, KEPT_SD),
        typical_s=level(made.samples, native),
    )


def contended(made, cause=CAUSE):
    """Make of a record what it is where other work disturbed too much of the measurement: it claims nothing."""
    return replace(
        made,
        noise=replace(made.noise, contended=True, cause=cause),
        speedup=None,
        speedup_memory_kept=None,
        typical_s=None,
        process_range=None,
    )


def full_record():
    """Make a record with every optional part."""
    one = (((1.0,),),) * 3
    judged = JudgedLaunches((0.9, 1.1), (0.95, 1.0), (0, 1), "p", "found", same_kernels=True, own_servers=True)
    return replace(
        memory_kept(record(0.0025), 0.008),
        parity=Parity(True, 0.0, math.inf, 1.0),
        speedup=Estimate(2.0, 0.0, math.inf, n=1),
        kept_samples=samples(0.0024),
        process_range=ProcessRange(3.0, 9.0, 4),
        servers=(0, 1, 2, 3, 0, 1),
        observations={"cache": {"source": "calls", "llc_bytes": 2**25}},
        waterfall=(Factor("memory management", "native", "native with memory kept", Estimate(1.5, 1.4, 1.6)),),
        limits=(Limit("min_speedup", 2.0, MET, "it has"), Limit("max_latency", 0.1, NOT_SHOWN, "it may take")),
        noise=Noise(0.1, 2.0, 3, 0.01, 0.05, discarded_rounds=7),
        facts={"accuracy": {"lost_db": 3.0}},
        settings={"requests": 4},
        artifact={"folder": "residual-d8-w64-0123", "file": "model.xml"},
        card={"name": "NVIDIA H100", "multiprocessors": 132, "mig": False},
        on_device={"latency_s": 0.001, "memory_bytes": 1e9},
        graph={"hash": "a", "kernels": {"brgconv": 17}},
        against=Counterpart("main", "0" * 40, Estimate(1.0, 0.9, 1.1), *one, judged),
        verdict=Verdict("regressed", 0.1, Estimate(0.8, 0.7, 0.9), "it lost", 0.05, 3),
    )


def saved(made):
    return Record.from_json(made.to_json())
