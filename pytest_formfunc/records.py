"""What is written: frozen records, and the JSON contract that tools outside rely on.

Everything under ``extra_info["formfunc"]`` is made and read here. ``SCHEMA`` counts breaking changes: names may be
added without raising it, never renamed or removed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.stats import Estimate

SCHEMA = 1
NATIVE_ENGINE = "native"  # what stands for native unless told


@dataclass(frozen=True)
class Parity:
    """How closely an engine's outputs match native's (see `pytest_formfunc.parity`)."""

    ok: bool
    max_abs_error: float
    sqnr_db: float
    output_std: float


@dataclass(frozen=True)
class Latency:
    """Statistics of every counted call, in seconds."""

    min: float
    p10: float
    median: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Noise:
    """What disturbed the counted calls.

    Attributes:
        run_delay_fraction: time on the run queue / wall time, over the process' threads.
        page_faults_per_call: minor and major.
        involuntary_switches: in all counted rounds.
        steal_fraction: time that the hypervisor took / wall time, over all cores.
        native_run_delay_fraction: the first of native's rounds, which took turns with these.
    """

    run_delay_fraction: float
    page_faults_per_call: float
    involuntary_switches: int
    steal_fraction: float
    native_run_delay_fraction: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What a comparison with a baseline concluded.

    Attributes:
        status: unchanged, improved, regressed, inconclusive, new, missing or not comparable.
        threshold: the loss that counts, as a fraction.
        change: speedup now / speedup then, with its interval; None where nothing was compared.
        reason: one sentence.
        smallest_change: the loss, as a fraction, that the comparison would have seen with a chance of 80%.
        looks: how often it was looked at.
    """

    status: str
    threshold: float
    change: Estimate | None
    reason: str
    smallest_change: float | None = None
    looks: int = 1


@dataclass(frozen=True)
class Samples:
    """One number a round, by launch, in seconds: what a later comparison needs.

    Attributes:
        median: the round's median call.
        low: the round's 10% quantile, which a neighbour on the machine moves less.
    """

    median: tuple[tuple[float, ...], ...]
    low: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Counterpart:
    """The same case and backend of another revision, measured in the same rounds.

    Attributes:
        revision: as the user named it.
        commit: its hash.
        speedup: over its own native.
        samples: its round medians in seconds, by launch.
        own_samples: this revision's, of the same launches and rounds.
        native_samples: its native's, from the launches that all four series took part in.
    """

    revision: str
    commit: str
    speedup: Estimate
    samples: tuple[tuple[float, ...], ...]
    own_samples: tuple[tuple[float, ...], ...]
    native_samples: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Record:
    """One case on one backend: all that is known of it after a run.

    Attributes beside those of the contract:
        native_engine: the engine that native's latency is of.
        inferences: batches that one call computes; latencies are of one batch.
        settings: what was chosen for the engine beyond its defaults.
        facts: what the engine says of its artifact, as ``{"accuracy": {...}}``.
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
    speedup: Estimate | None = None
    native_samples: Samples | None = None
    parity: Parity | None = None
    graph: dict[str, Any] | None = None
    against: Counterpart | None = None
    verdict: Verdict | None = field(default=None, compare=False)

    @property
    def launches(self) -> int:
        """Return how many fresh processes were measured."""
        return len(self.samples.median)

    @property
    def native_run_delay_fraction(self) -> float:
        """Return the time that native's threads waited for a core / wall time."""
        return self.noise.native_run_delay_fraction

    @property
    def rounds(self) -> int:
        """Return how many turns were measured, all launches together."""
        return sum(len(launch) for launch in self.samples.median)

    def to_json(self) -> dict[str, Any]:
        """Return the contract's object; every figure finite, or null."""
        out: dict[str, Any] = {
            **self.facts,  # first: what the contract names is not an engine's to say
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
        }
        if self.speedup is not None:
            out["speedup"] = _estimate_json(self.speedup)
        if self.native_samples is not None:
            out["native_samples"] = [list(launch) for launch in self.native_samples.median]
            out["native_samples_low"] = [list(launch) for launch in self.native_samples.low]
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


@dataclass(frozen=True)
class BaselineRecord:
    """The part of a saved record that a comparison needs."""

    case: str
    backend: str
    native: bool
    input_shape: tuple[int, ...]
    seed: int
    precision: str
    threads: int
    speedup: Estimate | None
    samples: Samples
    native_samples: Samples | None
    host: dict[str, Any]
    fingerprint: str
    graph: dict[str, Any] | None
    native_run_delay_fraction: float | None
    native_engine: str

    @property
    def launches(self) -> int:
        """Return how many fresh processes were measured."""
        return len(self.samples.median)

    @classmethod
    def from_json(cls, data: Any) -> BaselineRecord:
        """Read the contract's object.

        Raises:
            BadInput: not ours, another schema, or damaged; a clause to follow the file's name.
        """
        if not isinstance(data, dict):
            raise BadInput("holds a formfunc entry that is not an object")
        schema = data.get("schema")
        if schema != SCHEMA:
            raise BadInput(f"has formfunc schema {schema!r}, this version reads {SCHEMA}: measure and save it again")
        try:
            native_samples = None
            samples = _samples(data["samples"], data["samples_low"])
            if "native_samples" in data:
                native_samples = _samples(data["native_samples"], data["native_samples_low"])
                if len(native_samples.median) != len(samples.median):
                    raise ValueError("native has another number of launches")
            host, graph = dict(data["host"]), data.get("graph")
            if not isinstance(host.get("versions", {}), dict):
                raise TypeError("host.versions is no object")
            if graph is not None and not (isinstance(graph, dict) and isinstance(graph["kernels"], dict)):
                raise TypeError("graph is none")
            return cls(
                case=str(data["case"]),
                backend=str(data["backend"]),
                native=bool(data["native"]),
                input_shape=tuple(int(size) for size in data["input_shape"]),
                seed=int(data["seed"]),
                precision=str(data["precision"]),
                threads=int(data["threads"]),
                speedup=_read_estimate(data["speedup"]) if "speedup" in data else None,
                samples=samples,
                native_samples=native_samples,
                host=host,
                fingerprint=str(data["fingerprint"]),
                graph=graph,
                native_run_delay_fraction=data["noise"].get("native_run_delay_fraction"),
                native_engine=str(data.get("native_engine", NATIVE_ENGINE)),  # absent in runs of a first version
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"has a damaged formfunc entry ({type(error).__name__}: {error})") from None


def _samples(medians: Any, lows: Any) -> Samples:
    def read(launches: Any) -> tuple[tuple[float, ...], ...]:
        out = tuple(tuple(float(value) for value in launch) for launch in launches)
        if not out or not all(launch and all(0 < value < math.inf for value in launch) for launch in out):
            raise ValueError("samples that are empty or no latencies")
        return out

    return Samples(read(medians), read(lows))


def _read_estimate(data: dict[str, Any]) -> Estimate:
    """Read what `_estimate_json` wrote: an end that is null is open."""
    values = {**data, "low": data["low"] or 0.0, "high": math.inf if data["high"] is None else data["high"]}
    return Estimate(**values)


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return _finite(asdict(estimate))


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }
