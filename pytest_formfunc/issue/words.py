"""The text of a bug report, for the issue tracker of an engine."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_formfunc.issue.chosen import Chosen
from pytest_formfunc.issue.model import Shared
from pytest_formfunc.issue.script import NAME
from pytest_formfunc.records import Record
from pytest_formfunc.report.layers import describe_layer
from pytest_formfunc.report.section_answer import is_claimed
from pytest_formfunc.text import printable
from pytest_formfunc.units import format_estimate, format_ms, format_percent, format_shape

_MOST_KERNELS, _MOST_LAYERS = 12, 8
_STATUS = {
    "regressed": "The speedup regressed against what this run was compared with.",
    "improved": "The speedup improved against what this run was compared with.",
    "unchanged": "The speedup is unchanged against what this run was compared with.",
}


def render(chosen: Chosen, shared: Shared, files: list[str]) -> str:
    """Return the text of the archive's README.md.

    Args:
        chosen: the row, cleaned.
        shared: the model.
        files: names of the files that hold the model.
    """
    record = chosen.record
    sections = {
        "": [_first(record)],
        "What was observed": [*_observed(chosen)],
        "How to run it": [*_how_to_run(shared, files)],
        "The model": [*_model(record, shared)],
        "Versions": [*_versions(record, shared)],
        "What the engine executes": [*_graph(record)],
        "The slowest layers": [*_layers(record)],
        "The machine": [*_machine(record.host)],
    }
    text = [f"# {_title(record)}", ""]
    for title, lines in sections.items():
        if lines:
            text += [*([f"## {title}", ""] if title else []), *map(printable, lines), ""]
    return "\n".join(text)


def _title(record: Record) -> str:
    claim, status = record.ranked_speedup, record.verdict.status if record.verdict else ""
    what = "has lost speed" if status == "regressed" else "is slower than PyTorch" if claim and claim.value < 1 else ""
    return f"{_name(record.backend)}: {_name(record.case)} {what or 'and its latency'}"


def _first(record: Record) -> str:
    shape = format_shape(record.input_shape)
    return (
        f"This is a report of {_name(record.case)} on {_name(record.backend)}, with an input of {shape}, "
        f"{_count(record.threads, 'thread')}, in {record.precision}, on {record.device}."
    )


def _observed(chosen: Chosen) -> Iterator[str]:
    record, native = chosen.record, chosen.native
    beside = "PyTorch (eager)" if record.native_engine == "native" else _name(record.native_engine)
    if record.once:
        yield "- Each side made one call, to compare outputs. Nothing was timed."
    elif record.noise.contended:
        yield f"- Other work disturbed the measurement: {record.noise.cause}. The figures are rough."
    if not record.once:
        yield f"- Latency on {_name(record.backend)}: {_latency(record)}."
    if native is not None and not record.native and not native.once:
        yield from _native_latency(record, native, beside)
    if not record.native:
        yield from _speedup(record, beside)
    if record.parity is not None:
        same = "match" if record.parity.ok else "do NOT match"
        yield (
            f"- Its outputs {same} those of {beside}: the largest absolute difference is "
            f"{record.parity.max_abs_error:.3g}, and the SQNR is {_decibels(record.parity.sqnr_db)}."
        )
    if (verdict := record.verdict) is not None:
        yield f"- {_STATUS.get(verdict.status, f'The verdict of the comparison is: {verdict.status}.')}"
        if verdict.change is not None:
            yield (
                f"- The change is {format_estimate(verdict.change)} of the speedup before. "
                f"A loss of {format_percent(verdict.threshold)} counts."
            )
        yield f"- In the words of the run: {_sentence(verdict.reason)}"
    if record.against is not None:
        yield f"- The other side's speedup, in the same rounds: {format_estimate(record.against.speedup)}."


def _native_latency(record: Record, native: Record, beside: str) -> Iterator[str]:
    """Say the latency that the speedup is over, and that of a process that manages memory as by default."""
    over = record.native_typical_s
    if over is None or record.speedup_memory_kept is None or not is_claimed(record):
        yield f"- Latency on {beside}, measured in turn with it: {_latency(native)}."
        return
    yield f"- Latency on {beside}, in the same rounds: {format_ms(over)} ms in the same mean, with memory kept."
    yield f"- A process that manages memory as by default takes, on {beside}: {_latency(native)}."


def _latency(record: Record) -> str:
    if record.typical_s is not None:
        one = record.typical_s
        low, high = (format_ms(end) if math.isfinite(end) else "?" for end in (one.low, one.high))
        return (
            f"{format_ms(one.value)} ms ({low} to {high}, the {format_percent(one.level)} interval), "
            f"the geometric mean over processes of the median of each round"
        )
    return f"{format_ms(record.latency_s.median)} ms, the median of {_count(record.rounds, 'round')}"


def _speedup(record: Record, beside: str) -> Iterator[str]:
    speedup = record.ranked_speedup
    counts = f"{_count(record.launches, 'launch')} of fresh processes and {_count(record.rounds, 'round')}"
    if speedup is not None and is_claimed(record) and math.isfinite(speedup.high):
        kept = " Both sides kept the memory that they freed." if record.speedup_memory_kept is not None else ""
        yield (
            f"- Speedup over {beside}: {format_estimate(speedup)}, with its {format_percent(speedup.level)} interval, "
            f"from {counts}.{kept}"
        )
    elif not record.once:
        yield f"- No speedup is claimed. There were {counts}."


def _how_to_run(shared: Shared, files: list[str]) -> Iterator[str]:
    if shared.form is None:
        yield f"{shared.why_none} So there is no script either."
        return
    yield from ("```", f"pip install {shared.form.library} numpy", f"python {NAME}", "```", "")
    yield (
        f"It reads {' and '.join(f'`{name}`' for name in files)} from its own folder, draws inputs from a seed, "
        "sets the same threads and the same precision as the run, warms up, and prints the median latency. It needs "
        "neither PyTorch nor pytest-formfunc."
    )


def _model(record: Record, shared: Shared) -> Iterator[str]:
    if shared.form is None:
        return
    if shared.redrawn:
        yield (
            "The weights are random: each was replaced by random values of the same type, range, mean and standard "
            "deviation. Small constants that steer the graph are as they were. The graph, the types and the shapes are "
            "those that were measured, and so are the kernels that the engine chooses for it."
        )
    elif shared.own:
        yield "The weights are those that were measured."
    else:
        yield "The network is one that pytest-formfunc makes from a seed, so the weights that were measured are random."
    if shared.again:
        yield "It was converted again for this report, because the file that was measured was not kept."
    then = record.graph["kernels"] if record.graph else None
    if shared.graph is not None and then is not None and shared.graph["kernels"] != then:
        yield "The engine that wrote this report executes other kernels for it than in the run: see the versions."


def _versions(record: Record, shared: Shared) -> Iterator[str]:
    versions = record.host.get("versions")
    then = versions if isinstance(versions, Mapping) else {}
    yield from (f"- {name} {version}" for name, version in then.items())
    for name, version in shared.versions.items():
        if name in then and str(then[name]) != version:
            yield f"- {name} {version} wrote the model of this report"


def _graph(record: Record) -> Iterator[str]:
    graph = record.graph
    if graph is None:
        return
    kernels = sorted(graph["kernels"].items(), key=lambda one: -one[1])
    for name, count in kernels[:_MOST_KERNELS]:
        yield f"- {_count(count, 'step')} by {_name(name)}"
    if len(kernels) > _MOST_KERNELS:
        yield f"- {_count(len(kernels) - _MOST_KERNELS, 'further kernel')}, which are in `record.json`"
    reorders, fused = (graph.get(name, 0) for name in ("reorders", "fused"))
    yield f"- {_count(reorders, 'change')} of layout; {_count(fused, 'layer')} fused into others"
    if record.verdict is not None and "kernel" in record.verdict.reason:
        yield f"- Compared with the other side: {_sentence(_about_kernels(record.verdict.reason))}"


def _about_kernels(reason: str) -> str:
    """Return the clauses of a verdict's reason that are of kernels, as `gate.explain` writes them."""
    return "; ".join(one.strip() for one in reason.split(";") if "kernel" in one)


def _layers(record: Record) -> Iterator[str]:
    found: Any = record.observations.get("layers")
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):  # a file may hold anything
        layers = [one for one in found["layers"] if "seconds" in one]
        layers.sort(key=lambda one: -float(one["seconds"]["value"]))
        lines = [f"- {describe_layer(one)}" for one in layers[:_MOST_LAYERS]]
        yield from lines
        if len(layers) > _MOST_LAYERS:
            yield f"- {_count(len(layers) - _MOST_LAYERS, 'further layer')}, which are in `record.json`"


def _machine(host: Mapping[str, Any]) -> Iterator[str]:
    isa = host.get("isa")
    yield f"- CPU: {host.get('cpu', 'unknown')} (family, model, stepping: {host.get('cpu_generation', 'unknown')})"
    yield f"- Instruction sets: {', '.join(map(str, isa)) if isinstance(isa, list | tuple) and isa else 'unknown'}"
    yield f"- Cores that the run could use: {host.get('cores', 'unknown')}"
    with contextlib.suppress(KeyError, TypeError, ValueError):
        yield f"- Last-level cache: {float(host['llc_bytes']) / 2**20:.0f} MiB"
    yield f"- System: {' '.join(str(host[name]) for name in ('system', 'machine', 'allocator') if name in host)}"


def _decibels(value: float) -> str:
    return f"{value:.0f} dB" if math.isfinite(value) else "infinite"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('ch') else 's'}"


def _name(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
