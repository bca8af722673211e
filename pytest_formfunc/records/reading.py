"""Read a record from JSON: types, ranges and finiteness of everything that is computed with or shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pytest_formfunc.json_reading import (
    read_counts,
    read_dataclass,
    read_duration,
    read_flag,
    read_latencies,
    read_latency,
    read_list,
    read_number,
    read_number_or_none,
    read_object,
    read_plain,
    read_text,
    read_whole,
)
from pytest_formfunc.records.parts import (
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
from pytest_formfunc.records.record import METHOD_DRAWN, NAMES, NATIVE_ENGINE, SAMPLES, Record
from pytest_formfunc.stats import Estimate

_WIDEST = 50.0  # of a standard error on the log scale
_GREATEST = 1e15  # of a ratio; its inverse is the smallest


def read_record(data: Mapping[str, Any]) -> Record:
    """Read an object that `Record.to_json` of this version or an earlier one wrote.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: it is no such object.
    """
    samples = Samples(read_latencies(data["samples"]), read_latencies(data["samples_low"]))
    others = {
        name: Samples(read_latencies(data[name]), read_latencies(data[f"{name}_low"]))
        for name in SAMPLES
        if name in data
    }
    if any(len(one.median) != len(samples.median) for one in others.values()):
        raise ValueError("native has another number of launches")
    servers = tuple(read_whole({"servers": one}, "servers") for one in read_list(data, "servers", ()))
    if servers and len(servers) != len(samples.median):
        raise ValueError("there are more or fewer servers than launches")
    record = Record(
        case=read_text(data, "case"),
        backend=read_text(data, "backend"),
        precision=read_text(data, "precision"),
        device=read_text(data, "device"),
        fingerprint=read_text(data, "fingerprint"),
        stopped=read_text(data, "stopped"),
        batch=read_whole(data, "batch"),
        seed=read_whole(data, "seed"),
        threads=read_whole(data, "threads"),
        iterations=read_whole(data, "iterations"),
        peak_rss_bytes=read_whole(data, "peak_rss_bytes"),
        compile_s=read_duration(data, "compile_s"),
        first_call_s=read_duration(data, "first_call_s"),
        form=_read_form(data),
        input_shape=tuple(read_whole({"input_shape": size}, "input_shape") for size in read_list(data, "input_shape")),
        native=read_flag(data, "native"),
        latency_s=_read_latency(data["latency_s"]),
        cost=read_counts(data, "cost"),
        noise=read_dataclass(Noise, data["noise"]),
        samples=samples,
        host=_read_host(data),
        native_engine=read_text(data, "native_engine") if "native_engine" in data else NATIVE_ENGINE,
        inferences=read_whole(data, "inferences") if "inferences" in data else 1,
        settings=read_plain(read_object(data, "settings")) if "settings" in data else {},
        facts={name: read_plain(value) for name, value in data.items() if name not in NAMES},
        method=read_text(data, "method") if "method" in data else METHOD_DRAWN,
        servers=servers,
        process_range=_read_range(data["process_range"]) if "process_range" in data else None,
        limits=tuple(read_dataclass(Limit, one) for one in read_list(data, "limits", ())),
        waterfall=tuple(map(_read_factor, read_list(data, "waterfall", ()))),
        speedup=_read_estimate(data["speedup"]) if "speedup" in data else None,
        speedup_memory_kept=_read_estimate(data["speedup_memory_kept"]) if "speedup_memory_kept" in data else None,
        typical_s=_read_estimate(data["typical_s"]) if "typical_s" in data else None,
        native_samples=others.get("native_samples"),
        kept_samples=others.get("kept_samples"),
        native_kept_samples=others.get("native_kept_samples"),
        parity=_read_parity(data["parity"]) if "parity" in data else None,
        graph=_read_graph(data["graph"]) if data.get("graph") is not None else None,
        observations=_read_observations(data),
        card=dict(read_plain(read_object(data, "card"))) if "card" in data else {},
        on_device=_read_on_device(data),
        artifact=_read_artifact(data),
        against=_read_counterpart(data["against"]) if "against" in data else None,
        verdict=_read_verdict(data["verdict"]) if "verdict" in data else None,
    )
    if record.ranked_speedup is not None and record.ranked_samples is None:
        raise ValueError("it has a speedup without the rounds of native")
    return record


def _read_form(data: Mapping[str, Any]) -> dict[str, Any]:
    form = read_plain(read_object(data, "form"))
    read_text(form, "name")
    return dict(form)


def _read_artifact(data: Mapping[str, Any]) -> dict[str, str]:
    if "artifact" not in data:
        return {}
    given = read_object(data, "artifact")
    return {name: read_text(given, name) for name in ("folder", "file")}


def _read_on_device(data: Mapping[str, Any]) -> dict[str, float]:
    given = read_object(data, "on_device") if "on_device" in data else {}
    found = {name: read_number(given, name) for name in given}
    if any(value < 0 for value in found.values()):
        raise ValueError("on_device has a negative number")
    return found


def _read_latency(data: Any) -> Latency:
    if not isinstance(data, dict):
        raise TypeError("latency is not an object")
    named = {field.name: f"latency_s.{field.name}" for field in fields(Latency)}
    return Latency(**{name: read_latency({full: data[name]}, full) for name, full in named.items()})


def _read_factor(data: Any) -> Factor:
    if not isinstance(data, dict):
        raise TypeError("a factor of waterfall is not an object")
    return read_dataclass(Factor, data, ratio=_read_estimate(data["ratio"]))


def _read_range(data: Any) -> ProcessRange:
    found = read_dataclass(ProcessRange, data)
    if not (0 < found.low <= found.high < _GREATEST):
        raise ValueError("process_range is no range of ratios")
    return found


def _read_estimate(data: Any, most: float = _GREATEST) -> Estimate:
    """Read an estimate; a null end of its interval means 0 or infinity."""
    if not isinstance(data, dict):
        raise TypeError("an estimate is not an object")
    low = read_number_or_none(data, "low") or 0.0
    high = read_number_or_none(data, "high")
    estimate = read_dataclass(Estimate, data, low=low, high=math.inf if high is None else high)
    unknown = low == 0 and math.isinf(estimate.high)
    known = 1 / most < low <= estimate.value <= estimate.high < most
    if not (
        1 / most < estimate.value < most
        and (known or unknown)
        and 0 <= estimate.common < _WIDEST
        and 0 < estimate.level < 1
    ):
        raise ValueError(f"{estimate.value} ({low} to {estimate.high}) is no estimate with its interval")
    return estimate


def _read_parity(data: Any) -> Parity:
    """Read a parity check; a null SQNR means infinity, which it is if the outputs are equal."""
    if not isinstance(data, dict):
        raise TypeError("parity is not an object")
    sqnr_db = read_number_or_none(data, "sqnr_db")
    return read_dataclass(Parity, data, sqnr_db=math.inf if sqnr_db is None else sqnr_db)


def _read_verdict(data: Any) -> Verdict:
    given = data.get("change") if isinstance(data, dict) else None
    return read_dataclass(Verdict, data, change=_read_estimate(given) if given is not None else None)


def _read_counterpart(data: Any) -> Counterpart:
    """Read the other side's samples; early versions saved no more than these."""
    return read_dataclass(
        Counterpart,
        data,
        speedup=_read_estimate(data["speedup"]),
        samples=read_latencies(data["samples"]),
        own_samples=read_latencies(data["own_samples"]) if "own_samples" in data else (),
        native_samples=read_latencies(data["native_samples"]) if "native_samples" in data else (),
        judged=_read_judged(data["judged"]) if "judged" in data else None,
    )


def _read_judged(data: Any) -> JudgedLaunches:
    """Read the change of each launch; every launch has a server."""
    if not isinstance(data, dict):
        raise TypeError("judged is not an object")
    changes, accelerated = (_read_ratios(data, name) for name in ("changes", "accelerated"))
    servers = tuple(read_whole({"servers": one}, "servers") for one in read_list(data, "servers"))
    if not changes or not len(changes) == len(accelerated) == len(servers):
        raise ValueError("judged has more or fewer servers than launches, or none")
    return read_dataclass(JudgedLaunches, data, changes=changes, accelerated=accelerated, servers=servers)


def _read_ratios(data: Mapping[str, Any], name: str) -> tuple[float, ...]:
    ratios = tuple(read_number({name: one}, name) for one in read_list(data, name))
    if not all(1 / _GREATEST < ratio < _GREATEST for ratio in ratios):
        raise ValueError(f"{name} are no ratios")
    return ratios


def _read_graph(data: Any) -> dict[str, Any]:
    graph = read_plain(data)
    if not isinstance(graph, dict):
        raise TypeError("graph is not an object")
    read_text(graph, "hash")
    read_counts(graph, "kernels")
    for name in ("reorders", "fused"):
        if name in graph:
            read_whole(graph, name)
    if "precisions" in graph:
        read_counts(graph, "precisions")
    if "program" in graph:
        read_text(graph, "program")
    if "layers" in graph:
        layers = read_object(graph, "layers")
        for name in layers:
            read_text(layers, name)
    return graph


def _read_observations(data: Mapping[str, Any]) -> dict[str, Any]:
    """Read what instruments have found: an object for each of them."""
    found = read_plain(read_object(data, "observations")) if "observations" in data else {}
    for name in found:
        read_object(found, name)
    return dict(found)


def _read_host(data: Mapping[str, Any]) -> dict[str, Any]:
    host = dict(read_plain(read_object(data, "host")))
    versions = read_object(host, "versions") if "versions" in host else {}
    for name, value in versions.items():
        if value is not None:
            read_text(versions, name)
    for name, read in (("cpu", read_text), ("cores", read_whole), ("llc_bytes", read_whole), ("isa", _read_names)):
        if name in host:
            read(host, name)
    return host


def _read_names(data: Mapping[str, Any], name: str) -> list[str]:
    return [read_text({name: one}, name) for one in read_list(data, name)]
