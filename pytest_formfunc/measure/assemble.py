"""Turn the raw rounds of a participant into a record."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.cases import Case
from pytest_formfunc.function.program import count_operators
from pytest_formfunc.host import fingerprint
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Disturbance
from pytest_formfunc.measure.series import Measurement, Series
from pytest_formfunc.records import Latency, Noise, Record, Samples
from pytest_formfunc.stats import Estimate, quantile


def assemble_record(
    case: Case,
    participant: Participant,
    measurement: Measurement,
    prepared: Prepared,
    host: dict[str, Any],
    threads: int,
) -> Record:
    """Return the record of one participant of a measured case."""
    series = measurement.series[participant]
    assert series.ready is not None
    calls = [call for launch in series.launches for turn in launch for call in turn.calls_s]
    backend, native = participant.backend, participant.is_native
    shared = measurement.shared(participant, participant.native)  # further launches may leave native out
    speedup = None
    if not native:
        once = measurement.stopped == "once"
        estimate = measurement.speedup(participant)
        speedup = Estimate(estimate.value, 0.0, float("inf"), n=1) if once else estimate
    return Record(
        case=case.id,
        form=case.form,
        input_shape=tuple(prepared.input_shapes[0]),
        batch=prepared.input_shapes[0][0] if prepared.input_shapes[0] else 1,
        seed=case.seed,
        backend=backend,
        native=native,
        precision=series.ready.precision,
        device=series.ready.device,
        threads=threads,
        iterations=len(calls),
        latency_s=Latency(
            min=min(calls),
            p10=quantile(calls, 0.10),
            median=quantile(calls, 0.50),
            p90=quantile(calls, 0.90),
            p95=quantile(calls, 0.95),
            p99=quantile(calls, 0.99),
        ),
        compile_s=median(series.compile_s),
        first_call_s=median(series.first_call_s),
        peak_rss_bytes=series.peak_rss_bytes,
        cost={**prepared.cost, "flops": 2 * prepared.cost["macs"], **count_operators(prepared.program)},
        noise=_noise(series, len(calls), host["cores"], measurement.series[participant.native]),
        samples=_samples(series, shared),
        host=host,
        fingerprint=fingerprint(host),
        stopped=measurement.stopped,
        native_engine=prepared.engines[NATIVE],
        inferences=series.ready.inferences,
        settings=series.ready.settings,
        facts=prepared.facts.get(backend, {}),
        speedup=speedup,
        native_samples=None if native else _samples(measurement.series[participant.native], shared),
        parity=series.parity,
        graph=series.ready.graph,
    )


def _samples(series: Series, launches: set[int]) -> Samples:
    return Samples(
        median=tuple(tuple(launch) for launch in series.per_round(0.5, launches)),
        low=tuple(tuple(launch) for launch in series.per_round(0.1, launches)),
    )


def _noise(series: Series, calls: int, cores: int, native: Series) -> Noise:
    turns = [turn.disturbance for launch in series.launches for turn in launch]
    native_turns = [turn.disturbance for launch in native.launches for turn in launch]
    wall_s = sum(turn.wall_s for turn in turns)
    return Noise(
        run_delay_fraction=_run_delay(turns),
        page_faults_per_call=sum(turn.page_faults for turn in turns) / calls,
        involuntary_switches=sum(turn.involuntary_switches for turn in turns),
        steal_fraction=sum(turn.steal_s for turn in turns) / (wall_s * cores),
        native_run_delay_fraction=_run_delay(native_turns),
    )


def _run_delay(turns: Sequence[Disturbance]) -> float:
    return sum(turn.run_delay_s for turn in turns) / sum(turn.wall_s for turn in turns)
