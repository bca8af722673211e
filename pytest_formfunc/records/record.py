"""Records of one case on one backend, and their JSON form, which is a contract with other tools.

Everything under ``extra_info["formfunc"]`` is written and read here. ``SCHEMA`` counts breaking changes: it stays the
same if names are added, and is raised if one is renamed or removed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.json_reading import (
    read_dataclass,
    read_flag,
    read_latencies,
    read_number,
    read_number_or_none,
    read_object,
    read_text,
    read_whole,
)
from pytest_formfunc.records.parts import (
    Counterpart,
    Latency,
    Limit,
    Noise,
    Parity,
    ProcessRange,
    Samples,
    Verdict,
)
from pytest_formfunc.stats import Estimate

SCHEMA = 1
NATIVE_ENGINE = "native"  # the engine that is measured as native by default
# How a run measured: runs of unlike methods are not compared.
METHOD = "servers in turn, memory kept beside default"
METHOD_DEFAULT = "servers in turn, default memory only"  # where processes cannot be made to keep their memory
METHOD_DRAWN = "one server, heap layouts drawn"  # of runs that do not name their method

Key = tuple[str, str]  # case id, backend


@dataclass(frozen=True)
class Record:
    """The result of one case on one backend in a run. docs/record.md describes the fields that are not listed here.

    Attributes:
        native_engine: name of the engine that is measured as native.
        inferences: batches that one call computes; latencies are for one batch.
        settings: the settings of the engine that differ from its defaults.
        facts: what the engine reports about its artifact, such as ``{"accuracy": {...}}``.
        speedup: over native, both with memory managed as by default; None for native, and where none is claimed.
        speedup_memory_kept: the same with memory kept on both sides; None also where it was not measured.
        typical_s: latency in seconds: the geometric mean over servers, of the rounds that the ranked speedup counts.
        kept_samples: the accelerated rounds with memory kept, where the engine runs twice for that.
        native_kept_samples: native's rounds with memory kept.
        servers: the server that each launch of the samples was forked from.
    """

    case: str
    form: dict[str, Any]
    input_shape: tuple[int, ...]
    batch: int
    seed: int
    backend: str
    native: bool
    precision: str
    device: str
    threads: int
    iterations: int
    latency_s: Latency
    compile_s: float
    first_call_s: float
    peak_rss_bytes: int
    cost: dict[str, int]
    noise: Noise
    samples: Samples
    host: dict[str, Any]
    fingerprint: str
    stopped: str
    native_engine: str = NATIVE_ENGINE
    inferences: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    method: str = METHOD_DRAWN
    speedup: Estimate | None = None
    speedup_memory_kept: Estimate | None = None
    process_range: ProcessRange | None = None
    typical_s: Estimate | None = None
    native_samples: Samples | None = None
    kept_samples: Samples | None = None
    native_kept_samples: Samples | None = None
    servers: tuple[int, ...] = ()
    limits: tuple[Limit, ...] = ()
    parity: Parity | None = None
    graph: dict[str, Any] | None = None
    against: Counterpart | None = None
    verdict: Verdict | None = field(default=None, compare=False)

    @property
    def ranked_speedup(self) -> Estimate | None:
        """Return the speedup that is ranked and judged: with memory kept, if the run measured so, else by default.

        None also where the run measured with memory kept, but this case failed there: the two are not mixed.
        """
        return self.speedup_memory_kept if self.method == METHOD else self.speedup

    @property
    def ranked_samples(self) -> tuple[Samples, Samples] | None:
        """Return the rounds of native and of the accelerated side that the ranked speedup comes from."""
        if self.ranked_speedup is None:
            return None
        if self.native_kept_samples is not None:
            return self.native_kept_samples, self.kept_samples or self.samples
        return None if self.native_samples is None else (self.native_samples, self.samples)

    @property
    def server_of_launch(self) -> tuple[int, ...]:
        """Return the server of each launch; runs that did not save it had one server for each launch, as it were."""
        return self.servers or tuple(range(self.launches))

    @property
    def native_typical_s(self) -> float | None:
        """Return native's latency in seconds that the ranked speedup is over; None where none is claimed."""
        speedup = self.ranked_speedup
        return None if speedup is None or self.typical_s is None else speedup.value * self.typical_s.value

    @property
    def launches(self) -> int:
        """Return the number of launches."""
        return len(self.samples.median)

    @property
    def key(self) -> Key:
        """Return the key of the record in a run."""
        return self.case, self.backend

    @property
    def title(self) -> str:
        """Return the name of the record in sentences."""
        return f"{self.case} on {self.backend}"

    @property
    def native_run_delay_fraction(self) -> float | None:
        """Return the fraction of time for which native's threads waited for a core; None if it was not saved."""
        return self.noise.native_run_delay_fraction

    @property
    def once(self) -> bool:
        """Return whether each participant made only one call, so that nothing was timed."""
        return self.stopped == "once"

    @property
    def rounds(self) -> int:
        """Return the number of rounds, all launches together."""
        return sum(len(launch) for launch in self.samples.median)

    @classmethod
    def from_json(cls, data: Any) -> Record:
        """Read a record from the object that the JSON contract describes.

        Raises:
            BadInput: ``data`` is not such an object, has another schema or is damaged. The message is a clause that
                follows the name of the file.
        """
        if not isinstance(data, dict):
            raise BadInput("holds a formfunc entry that is not an object")
        schema = data.get("schema")
        if schema != SCHEMA:
            raise BadInput(f"has formfunc schema {schema!r}, this version reads {SCHEMA}: measure and save it again")
        try:
            return _read_record(data)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BadInput(f"has a damaged formfunc entry ({type(error).__name__}: {error})") from None

    def to_json(self) -> dict[str, Any]:
        """Return the object that the JSON contract describes; every number in it is finite, or null."""
        out: dict[str, Any] = {
            **{name: value for name, value in self.facts.items() if name not in _NAMES},
            "schema": SCHEMA,
            "case": self.case,
            "form": self.form,
            "input_shape": list(self.input_shape),
            "batch": self.batch,
            "seed": self.seed,
            "backend": self.backend,
            "native": self.native,
            "precision": self.precision,
            "device": self.device,
            "threads": self.threads,
            "launches": self.launches,
            "rounds": self.rounds,
            "iterations": self.iterations,
            "latency_s": asdict(self.latency_s),
            "compile_s": self.compile_s,
            "first_call_s": self.first_call_s,
            "peak_rss_bytes": self.peak_rss_bytes,
            "cost": self.cost,
            "noise": asdict(self.noise),
            "samples": [list(launch) for launch in self.samples.median],
            "samples_low": [list(launch) for launch in self.samples.low],
            "stopped": self.stopped,
            "host": self.host,
            "fingerprint": self.fingerprint,
            "native_engine": self.native_engine,
            "inferences": self.inferences,
            "throughput_per_s": self.batch / self.latency_s.median,
            "settings": self.settings,
            "method": self.method,
            "servers": list(self.server_of_launch),
        }
        for name in _ESTIMATES:
            if (estimate := getattr(self, name)) is not None:
                out[name] = _estimate_json(estimate)
        for name in _SAMPLES:
            if (samples := getattr(self, name)) is not None:
                out[name] = [list(launch) for launch in samples.median]
                out[f"{name}_low"] = [list(launch) for launch in samples.low]
        if self.process_range is not None:
            out["process_range"] = asdict(self.process_range)
        if self.limits:
            out["limits"] = [asdict(limit) for limit in self.limits]
        if self.parity is not None:
            out["parity"] = _finite(asdict(self.parity))
        if self.graph is not None:
            out["graph"] = self.graph
        if self.against is not None:
            out["against"] = {**asdict(self.against), "speedup": _estimate_json(self.against.speedup)}
        if self.verdict is not None:
            out["verdict"] = {
                "status": self.verdict.status,
                "threshold": self.verdict.threshold,
                "reason": self.verdict.reason,
                "looks": self.verdict.looks,
            }
            if self.verdict.smallest_change is not None:
                out["verdict"]["smallest_change"] = self.verdict.smallest_change
            if self.verdict.change is not None:
                out["verdict"]["change"] = _estimate_json(self.verdict.change)
        return out


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    values = _finite(asdict(estimate))
    if not estimate.common:
        del values["common"]
    return values


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }


_ESTIMATES = ("speedup", "speedup_memory_kept", "typical_s")
_SAMPLES = ("native_samples", "kept_samples", "native_kept_samples")
# Names that are not fields: `to_json` computes their values.
_DERIVED = (
    "schema", "launches", "rounds", "samples_low", "throughput_per_s", *(f"{name}_low" for name in _SAMPLES),
)  # fmt: skip
# All names of the contract, which an engine's facts cannot take.
_NAMES = {field.name for field in fields(Record)} | set(_DERIVED)


def _read_record(data: Mapping[str, Any]) -> Record:
    """Read an object that `Record.to_json` of this version or an earlier one wrote."""
    samples = Samples(read_latencies(data["samples"]), read_latencies(data["samples_low"]))
    others = {
        name: Samples(read_latencies(data[name]), read_latencies(data[f"{name}_low"]))
        for name in _SAMPLES
        if name in data
    }
    if any(len(one.median) != len(samples.median) for one in others.values()):
        raise ValueError("native has another number of launches")
    servers = tuple(read_whole({"servers": one}, "servers") for one in data.get("servers", ()))
    if servers and len(servers) != len(samples.median):
        raise ValueError("there are more or fewer servers than launches")
    return Record(
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
        compile_s=read_number(data, "compile_s"),
        first_call_s=read_number(data, "first_call_s"),
        form=read_object(data, "form"),
        input_shape=tuple(read_whole({"input_shape": size}, "input_shape") for size in data["input_shape"]),
        native=read_flag(data, "native"),
        latency_s=read_dataclass(Latency, data["latency_s"]),
        cost={name: read_whole(data["cost"], name) for name in read_object(data, "cost")},
        noise=read_dataclass(Noise, data["noise"]),
        samples=samples,
        host=_read_host(data),
        native_engine=read_text(data, "native_engine") if "native_engine" in data else NATIVE_ENGINE,
        inferences=read_whole(data, "inferences") if "inferences" in data else 1,
        settings=read_object(data, "settings") if "settings" in data else {},
        facts={name: value for name, value in data.items() if name not in _NAMES},
        method=read_text(data, "method") if "method" in data else METHOD_DRAWN,
        servers=servers,
        process_range=read_dataclass(ProcessRange, data["process_range"]) if "process_range" in data else None,
        limits=tuple(read_dataclass(Limit, one) for one in data.get("limits", ())),
        speedup=_read_estimate(data["speedup"]) if "speedup" in data else None,
        speedup_memory_kept=_read_estimate(data["speedup_memory_kept"]) if "speedup_memory_kept" in data else None,
        typical_s=_read_estimate(data["typical_s"]) if "typical_s" in data else None,
        native_samples=others.get("native_samples"),
        kept_samples=others.get("kept_samples"),
        native_kept_samples=others.get("native_kept_samples"),
        parity=_read_parity(data["parity"]) if "parity" in data else None,
        graph=_read_graph(data["graph"]) if data.get("graph") is not None else None,
        against=_read_counterpart(data["against"]) if "against" in data else None,
        verdict=_read_verdict(data["verdict"]) if "verdict" in data else None,
    )


def _read_estimate(data: Any) -> Estimate:
    """Read an estimate; a null end of its interval means 0 or infinity."""
    low = read_number_or_none(data, "low")
    high = read_number_or_none(data, "high")
    return read_dataclass(Estimate, data, low=low or 0.0, high=math.inf if high is None else high)


def _read_parity(data: Any) -> Parity:
    """Read a parity check; a null SQNR means infinity, which it is if the outputs are equal."""
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
    )


def _read_graph(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict) or not isinstance(data["kernels"], dict) or "hash" not in data:
        raise TypeError("graph must be an object with a hash and kernels")
    return data


def _read_host(data: Mapping[str, Any]) -> dict[str, Any]:
    host = read_object(data, "host")
    if not isinstance(host.get("versions", {}), dict):
        raise TypeError("host.versions is not an object")
    return host
