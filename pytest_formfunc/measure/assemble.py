"""Turn the raw rounds of a participant into a record."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.cards import words_for
from pytest_formfunc.cases import Case
from pytest_formfunc.function.program import count_operators
from pytest_formfunc.host import fingerprint
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Disturbance
from pytest_formfunc.measure.series import LATENCY_COMMON, RATIO_COMMON, Measurement, Series
from pytest_formfunc.measure.waterfall import waterfall
from pytest_formfunc.records import METHOD, METHOD_DEFAULT, Record
from pytest_formfunc.records.parts import Latency, Noise, ProcessRange, Samples
from pytest_formfunc.stats import Estimate, estimate_over_servers, median, quantile
from pytest_formfunc.stats.pairs import launch_levels, launch_logs
from pytest_formfunc.stats.servers import DEFAULT_SD, KEPT_SD, LEVEL_SD, by_server


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
    backend, native = participant.backend, participant.is_native
    pair = None if native else measurement.with_memory_kept(participant)
    everyone = {participant, participant.native, *(pair or ())}  # further launches may leave some of them out
    launches = measurement.undisturbed(*everyone)
    iterations = sum(len(turn.calls_s) for launch in series.launches for turn in launch)
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
        iterations=iterations,
        latency_s=_latency(series, launches),
        compile_s=median(series.compile_s),
        first_call_s=median(series.first_call_s),
        peak_rss_bytes=series.peak_rss_bytes,
        card=series.ready.card or _card_of_native(measurement, participant),
        on_device=_on_device(series, launches),
        cost={**prepared.cost, "flops": 2 * prepared.cost["macs"], **count_operators(prepared.program)},
        noise=_noise(measurement, participant, iterations, host["cores"]),
        samples=_samples(series, launches),
        host=host,
        fingerprint=fingerprint(host),
        stopped=measurement.stopped,
        native_engine=prepared.engines[NATIVE],
        inferences=series.ready.inferences,
        settings=series.ready.settings,
        facts=prepared.facts.get(backend, {}),
        method=METHOD if participant.native in measurement.kept else METHOD_DEFAULT,
        native_samples=None if native else _samples(measurement.series[participant.native], launches),
        kept_samples=_samples(measurement.series[pair[1]], launches) if pair and pair[1] != participant else None,
        native_kept_samples=(
            _samples(measurement.series[pair[0]], launches) if pair and pair[0] != participant.native else None
        ),
        servers=tuple(measurement.servers_of(launches)),
        waterfall=waterfall(measurement, participant),
        **_estimates(measurement, participant, launches),
        parity=series.parity,
        artifact={"folder": Path(prepared.folder).name, "file": prepared.artifacts[backend]},
        graph=_graph(series.ready.graph, prepared.program["digest"]),
    )


def _estimates(measurement: Measurement, participant: Participant, launches: Sequence[int]) -> dict[str, Any]:
    """Return the estimates of a record by field; none of a contended measurement, nor where nothing was timed."""
    if measurement.contended:
        return {}
    native, servers = participant.is_native, measurement.servers_of(launches)
    # Native's own level is that of a user's process; an engine's is the one that the speedup is made of.
    over, under = (participant, participant) if native else measurement.ranked_pair(participant)
    beside, own = measurement.together(over, under, among=launches)
    found: dict[str, Any] = {}
    if measurement.stopped != "once":
        levels = launch_levels(own, None if native else beside)
        typical_s = estimate_over_servers(levels, servers, LEVEL_SD)
        found["typical_s"] = typical_s.widened(measurement.common_sd(launches, LATENCY_COMMON))
    if native:
        return found
    logs = launch_logs(*measurement.together(participant.native, participant, among=launches))
    common_sd = measurement.common_sd(launches, RATIO_COMMON)
    found["speedup"] = _claimed(measurement, estimate_over_servers(logs, servers, DEFAULT_SD).widened(common_sd))
    if measurement.stopped == "once":
        return found
    means, _ = by_server(logs, servers)
    found["process_range"] = ProcessRange(math.exp(min(means)), math.exp(max(means)), len(means))
    if measurement.with_memory_kept(participant) is not None:
        kept = estimate_over_servers(launch_logs(beside, own), servers, KEPT_SD)
        found["speedup_memory_kept"] = kept.widened(common_sd)
    return found


def _latency(series: Series, launches: Collection[int]) -> Latency:
    """Return the statistics of the calls in some launches; the median is that of their rounds.

    pytest-benchmark has a row for these rounds, and a row has one median wherever it is shown.
    """
    calls = [call for turns in series.rounds(launches) for turn in turns for call in turn.calls_s]
    return Latency(
        min=min(calls),
        p10=quantile(calls, 0.10),
        median=median([one for launch in series.per_round(0.5, launches) for one in launch]),
        p90=quantile(calls, 0.90),
        p95=quantile(calls, 0.95),
        p99=quantile(calls, 0.99),
    )


def _graph(graph: dict[str, Any] | None, program: str) -> dict[str, Any] | None:
    """Return what the engine reports, with the digest of its program: the names of kernels do not say all."""
    return None if graph is None else {**graph, "program": program}


def _claimed(measurement: Measurement, speedup: Estimate) -> Estimate:
    """Return a speedup, without an interval where each participant made only one call."""
    return Estimate(speedup.value, 0.0, math.inf, n=1) if measurement.stopped == "once" else speedup


def _samples(series: Series, launches: Collection[int]) -> Samples:
    return Samples(
        median=tuple(tuple(launch) for launch in series.per_round(0.5, launches)),
        low=tuple(tuple(launch) for launch in series.per_round(0.1, launches)),
    )


def _noise(measurement: Measurement, participant: Participant, calls: int, cores: int) -> Noise:
    turns = [turn.disturbance for launch in measurement.series[participant].launches for turn in launch]
    native = measurement.series[participant.native]
    native_turns = [turn.disturbance for launch in native.launches for turn in launch]
    wall_s = sum(turn.wall_s for turn in turns)
    cause = measurement.contended
    return Noise(
        run_delay_fraction=_run_delay(turns),
        page_faults_per_call=sum(turn.page_faults for turn in turns) / calls,
        involuntary_switches=sum(turn.involuntary_switches for turn in turns),
        steal_fraction=sum(turn.steal_s for turn in turns) / (wall_s * cores),
        native_run_delay_fraction=_run_delay(native_turns),
        contended=cause is not None,
        cause=cause.value if cause is not None else "",
        discarded_rounds=measurement.discarded,
        **_of_card(turns),
    )


def _of_card(turns: Sequence[Disturbance]) -> dict[str, Any]:
    """Return the part of the noise that is a graphics card's; nothing where none was watched."""
    seen = [turn for turn in turns if turn.sm_mhz]
    if not seen:
        return {}
    slowed = 0
    for turn in seen:
        slowed |= turn.slowed
    return {
        "sm_mhz_low": min(turn.sm_mhz for turn in seen),
        "sm_mhz": median([turn.sm_mhz for turn in seen]),
        "power_w": max(turn.power_w for turn in seen),
        "card_slowed_by": words_for(slowed),
    }


def _card_of_native(measurement: Measurement, participant: Participant) -> dict[str, Any]:
    """Return the card of what a speedup is over, which an engine of the processor may be compared with too."""
    native = measurement.series.get(participant.native)
    return native.ready.card if native is not None and native.ready is not None else {}


def _on_device(series: Series, launches: Collection[int]) -> dict[str, float]:
    """Return what was told of a device beside latencies, and the latency by its own clock."""
    calls = [call for turns in series.rounds(launches) for turn in turns for call in turn.device_s]
    return {**({"latency_s": median(calls)} if calls else {}), **series.on_device}


def _run_delay(turns: Sequence[Disturbance]) -> float:
    return sum(turn.run_delay_s for turn in turns) / sum(turn.wall_s for turn in turns)
