"""Latency of many single layers beside each other: each in a process of its own, in turn, launch by launch."""

from __future__ import annotations

from contextlib import ExitStack
from math import fsum, log

from laboratory import Laboratory, turn

from pytest_formfunc.cases import Case
from pytest_formfunc.forms.single_layers import LayerSource
from pytest_formfunc.function.widths import Layer

LAUNCHES = 8


def layer_case(layer: Layer) -> Case:
    """Return the case that is one layer."""
    source = LayerSource(layer)
    shape = tuple(source.inputs(0).args[0].shape)
    return Case(layer.describe(), {"kind": "model", "name": layer.describe()}, source, shape, seed=0)


def sweep(laboratory: Laboratory, layers: list[Layer], backend: str, launches: int = LAUNCHES) -> list[list[float]]:
    """Return the seconds of a call of each layer, for each launch, as `sweep_cases` does."""
    return sweep_cases(laboratory, [layer_case(layer) for layer in layers], backend, launches)


def sweep_cases(laboratory: Laboratory, cases: list[Case], backend: str, launches: int = LAUNCHES) -> list[list[float]]:
    """Return the seconds of a call of each case, for each launch; memory is kept.

    In a launch, every case has two turns, there and back, so that a drift of the machine's speed is in none of the
    differences between neighbours.
    """
    prepared = [laboratory.prepare(case, tuple(dict.fromkeys(("native", backend)))) for case in cases]
    rounds = []
    for launch in range(launches):
        with ExitStack() as stack:
            workers = [
                stack.enter_context(laboratory.worker(case, one, backend, launch, keep_memory=True))
                for case, one in zip(cases, prepared, strict=True)
            ]
            there = [turn(*one) for one in workers]
            back = [turn(*one) for one in reversed(workers)][::-1]
            rounds.append([(one * other) ** 0.5 for one, other in zip(there, back, strict=True)])
    return rounds


def log_ratios(rounds: list[list[float]], over: int, under: int) -> list[float]:
    """Return the log of one layer's latency over another's, for each launch."""
    return [log(one[over] / one[under]) for one in rounds]


def mean_curve(rounds: list[list[float]]) -> list[float]:
    """Return the mean log of each layer's latency over the launches, less that of all layers."""
    logs = [[log(value) for value in one] for one in rounds]
    means = [fsum(column) / len(column) for column in zip(*logs, strict=True)]
    center = fsum(means) / len(means)
    return [one - center for one in means]
