"""Records of one case on one backend, and their JSON form, which is a contract with other tools.

Everything under ``extra_info["formfunc"]`` is written and read here. ``SCHEMA`` counts breaking changes: it stays the
same if names are added, and is raised if one is renamed or removed.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records.parts import (
    Counterpart,
    Factor,
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
        waterfall: the factors that the speedup by default is made of, where they were measured.
        observations: what instruments have found, by their names; nothing of it was timed together with the samples.
        card: what of a device must be equal before two runs are compared; empty for the processor.
        on_device: seconds (and ``memory_bytes``) that an engine tells of its device beside latencies, by name.
        artifact: where the model that was measured lies in the folder of artifacts: its ``folder`` and ``file``; empty
            in runs that did not save it.
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
    waterfall: tuple[Factor, ...] = ()
    parity: Parity | None = None
    graph: dict[str, Any] | None = None
    observations: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    on_device: dict[str, float] = field(default_factory=dict)
    artifact: dict[str, str] = field(default_factory=dict)
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
            raise BadInput(
                f"has formfunc schema {reprlib.repr(schema)}, this version reads {SCHEMA}: measure and save it again"
            )
        from pytest_formfunc.records.reading import read_record  # which reads into this class

        try:
            return read_record(data)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BadInput(f"has a damaged formfunc entry ({type(error).__name__}: {error})") from None

    def to_json(self) -> dict[str, Any]:
        """Return the object that the JSON contract describes; every number in it is finite, or null."""
        out: dict[str, Any] = {
            **{name: value for name, value in self.facts.items() if name not in NAMES},
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
        for name in SAMPLES:
            if (samples := getattr(self, name)) is not None:
                out[name] = [list(launch) for launch in samples.median]
                out[f"{name}_low"] = [list(launch) for launch in samples.low]
        if self.process_range is not None:
            out["process_range"] = asdict(self.process_range)
        if self.limits:
            out["limits"] = [asdict(limit) for limit in self.limits]
        if self.waterfall:
            out["waterfall"] = [{**asdict(one), "ratio": _estimate_json(one.ratio)} for one in self.waterfall]
        if self.parity is not None:
            out["parity"] = _finite(asdict(self.parity))
        if self.graph is not None:
            out["graph"] = self.graph
        if self.observations:
            out["observations"] = self.observations
        if self.card:
            out["card"] = self.card
        if self.on_device:
            out["on_device"] = self.on_device
        if self.artifact:
            out["artifact"] = self.artifact
        if self.against is not None:
            out["against"] = {**asdict(self.against), "speedup": _estimate_json(self.against.speedup)}
            if self.against.judged is None:
                del out["against"]["judged"]
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
SAMPLES = ("native_samples", "kept_samples", "native_kept_samples")
# Names that are not fields: `to_json` computes their values.
_DERIVED = (
    "schema", "launches", "rounds", "samples_low", "throughput_per_s", *(f"{name}_low" for name in SAMPLES),
)  # fmt: skip
# All names of the contract, which an engine's facts cannot take.
NAMES = {field.name for field in fields(Record)} | set(_DERIVED)
