"""Which layer got slower between two revisions, or is slower in one engine than in another: what profiles of both say.

Layers are joined by what they compute: the modules and operators in them, the first of a kind with the first of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from pytest_formfunc.stats import median
from pytest_formfunc.stats.servers import PRIOR_DF
from pytest_formfunc.stats.student import t_quantile

HALF = 0.5  # of all that layers lost: one that has less does not explain it
ALPHA = 0.05
FEWEST_LAUNCHES = 3
LEAST = 0.015  # of the time of all layers: a loss of speedup that fails a test is greater
RESOLUTION_S = 4e-6  # engines report whole microseconds of the mean, cut on both sides: less is no loss


@dataclass
class LayerChange:
    """A layer on two sides; what is on one side only takes no time on the other.

    Attributes:
        label: its modules.
        there, here: the layers' entries on both sides, as a record has them.
    """

    label: str
    there: list[Mapping[str, Any]] = field(default_factory=list)
    here: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def lost_s(self) -> float:
        """Return by how many seconds it takes longer here."""
        return _total(self.here, "value") - _total(self.there, "value")

    @property
    def is_sure(self) -> bool:
        """Return whether its intervals on both sides are apart."""
        return _total(self.here, "low") > _total(self.there, "high")

    @property
    def clause(self) -> str:
        """Return it as a clause: ``stem: conv, bn, act 0.012 -> 0.030 ms (brgconv -> ref)``."""
        old, new = (_kernels(side) for side in (self.there, self.here))
        kernels = f" ({old or 'nothing'} -> {new or 'nothing'})" if old != new else ""
        before, after = (_total(side, "value") * 1e3 for side in (self.there, self.here))
        return f"{self.label} {before:.3f} -> {after:.3f} ms{kernels}"


def layer_changes(there: Sequence[Mapping[str, Any]], here: Sequence[Mapping[str, Any]]) -> list[LayerChange]:
    """Return the layers of two sides, joined, those that lost most first.

    Args:
        there: ``layers`` of one record's observations.
        here: of the other one's.

    Raises:
        KeyError, TypeError, ValueError: they come from a file that is damaged.
    """
    parent: dict[Any, Any] = {}

    def root(key: Any) -> Any:
        while parent[key] != key:
            key = parent[key]
        return key

    keyed = [[*_keys(side)] for side in (there, here)]
    for side in keyed:
        for keys, _ in side:
            for key in keys:
                parent.setdefault(key, key)
                parent[root(key)] = root(keys[0])
    found: dict[Any, LayerChange] = {}
    for is_here, side in enumerate(keyed):
        for keys, layer in side:
            change = found.setdefault(root(keys[0]), LayerChange(str(layer["layer"])))
            (change.here if is_here else change.there).append(layer)
    return sorted(found.values(), key=lambda change: -change.lost_s)


def explain_loss(there: Sequence[Mapping[str, Any]], here: Sequence[Mapping[str, Any]]) -> str:
    """Return a clause about the layer that a loss is in; nothing where none has half of it for sure.

    Where both have the seconds of each launch, losses are those beyond what the layers have in common in that launch:
    a machine that is slower for a moment slows all of them alike.
    """
    changes = layer_changes(there, here)
    launches = _launches(changes)
    if launches >= FEWEST_LAUNCHES:
        return _explain_by_launch(changes, launches)
    lost = math.fsum(change.lost_s for change in changes)
    if not changes or lost <= 0 or not changes[0].is_sure or changes[0].lost_s < HALF * lost:
        return ""
    return f"most of it is in {changes[0].clause}"


def _launches(changes: Sequence[LayerChange]) -> int:
    """Return the number of launches of which each layer has its seconds; 0 where one has none."""
    counts = [len(layer.get("launches_s", ())) for change in changes for layer in (*change.there, *change.here)]
    return min(counts, default=0)


def _explain_by_launch(changes: Sequence[LayerChange], launches: int) -> str:
    """Return a clause about the layer with half of the loss, if Student's t over launches is sure of it.

    The chance that any layer is named where none has changed is `ALPHA`: all layers share it. The scatter of a layer
    over few launches is moderated by that of the others (Smyth, 2004), relative to the time that each takes.
    """
    before, after = (
        [
            [math.fsum(layer["launches_s"][launch] for layer in getattr(change, side)) for launch in range(launches)]
            for change in changes
        ]
        for side in ("there", "here")
    )
    paces = [_common([(one[launch], two[launch]) for one, two in zip(before, after, strict=True)])
             for launch in range(launches)]  # fmt: skip
    losses = [
        [two / pace - one for one, two, pace in zip(*pair, paces, strict=True)]
        for pair in zip(before, after, strict=True)
    ]
    levels = [max(fmean(one), fmean(two)) for one, two in zip(before, after, strict=True)]
    scatters = [stdev(loss) / level for loss, level in zip(losses, levels, strict=True) if level > 0]
    usual = median(scatters or [0.0])
    df = launches - 1
    sure = []
    for change, loss, level in zip(changes, losses, levels, strict=True):
        own = stdev(loss) ** 2
        variance = max(own, (PRIOR_DF * (usual * level) ** 2 + df * own) / (PRIOR_DF + df))  # short layers scatter more
        reach = t_quantile(2 * ALPHA / len(changes), PRIOR_DF + df) * math.sqrt(variance / launches)
        if fmean(loss) > max(reach, RESOLUTION_S):
            sure.append((fmean(loss), change))
    if not sure:
        return ""
    totals = [math.fsum(loss[launch] for loss in losses) for launch in range(launches)]
    surely_lost = fmean(totals) - t_quantile(ALPHA, df) * stdev(totals) / math.sqrt(launches)
    lost_s, first = max(sure, key=lambda one: one[0])
    least_s = LEAST * math.fsum(fmean(one) for one in before)
    lost = max(surely_lost, math.fsum(one for one, _ in sure))
    return f"most of it is in {first.clause}" if lost_s >= max(HALF * lost, least_s) else ""


def _common(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the ratio that most of the layers' time has in common: the weighted median of theirs; 1 without any."""
    ratios = sorted((after / before, before) for before, after in pairs if before > 0 and after > 0)
    half, passed = math.fsum(weight for _, weight in ratios) / 2, 0.0
    for ratio, weight in ratios:
        passed += weight
        if passed >= half:
            return ratio
    return 1.0


def _keys(layers: Sequence[Mapping[str, Any]]) -> Iterator[tuple[list[Any], Mapping[str, Any]]]:
    """Yield each layer that takes time with what it computes, numbered where that is there several times."""
    seen: Counter[str] = Counter()
    for layer in layers:
        if "seconds" not in layer:
            continue
        # Steps that an engine has put in compute nothing: they are known by their kernels.
        members = [str(one) for one in layer.get("members", ())] or [f"put in {_kernels([layer])}"]
        keys = []
        for member in members:
            keys.append((member, seen[member]))
            seen[member] += 1
        yield keys, layer


def _total(layers: Sequence[Mapping[str, Any]], end: str) -> float:
    return math.fsum(float(layer["seconds"][end]) for layer in layers)


def _kernels(layers: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(str(kernel) for layer in layers for kernel in layer.get("kernels", ())))
