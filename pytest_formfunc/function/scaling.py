"""How FLOPs, cache efficacy and latency go together as depth and width grow: the figures, and what follows from them.

A point is a pattern at a depth and a width. Points of one pattern are alike, so over all patterns an interval treats
each pattern, not each point, as the independent unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.correlation import linear_correlation, rank_correlation
from pytest_formfunc.stats.regression import fit_linear

FLOPS, NATIVE, ACCELERATED, SPEEDUP = "FLOPs", "native latency", "accelerated latency", "speedup"
# The last-level cache's: by the model for native as written and for an engine fused, and by cold calls.
EFFICACY, OWN_EFFICACY = "native cache efficacy (model)", "accelerated cache efficacy (model)"
EFFICACY_BY_TIME, OWN_EFFICACY_BY_TIME = "native cache efficacy (time)", "accelerated cache efficacy (time)"
INTENSITY = "intensity"
DEPTH, WIDTH = "depth", "width"
ALL = "all patterns"
_AS_IS = frozenset(
    {EFFICACY, OWN_EFFICACY, EFFICACY_BY_TIME, OWN_EFFICACY_BY_TIME}
)  # a share, which may be 0; the others are taken as logs
EACH_LEVEL = 0.998  # of what is said of single patterns: of sixteen, twice, 5% are wrong together


@dataclass(frozen=True)
class Point:
    """What was measured of a pattern at a depth and a width.

    Attributes:
        pattern, depth, width: the form.
        values: by quantity, as named in this file. What is not known is absent.
        disturbed: whether the machine was, so that nothing is claimed of the point by itself.
    """

    pattern: str
    depth: int
    width: int
    values: Mapping[str, float] = field(default_factory=dict)
    disturbed: bool = False


@dataclass(frozen=True)
class Association:
    """How two quantities go together.

    Attributes:
        scope: a pattern, or `ALL`.
        x, y: the quantities.
        given: one that is held fixed, or an empty string.
        linear, rank: correlations, the first of logs; None where there is none.
        why_not: why there is none.
    """

    scope: str
    x: str
    y: str
    given: str = ""
    linear: Estimate | None = None
    rank: Estimate | None = None
    why_not: str = ""

    @property
    def title(self) -> str:
        """Return what goes together, as text."""
        return f"{self.x} and {self.y}" + (f" at equal {self.given}" if self.given else "")


@dataclass(frozen=True)
class Exponents:
    """How a quantity grows: ``y = a * depth**d * width**w``.

    Attributes:
        scope: a pattern, or `ALL` (each pattern with an ``a`` of its own).
        y: the quantity.
        depth, width: the exponents; None where that was not varied, or cannot be told.
        why_not: why there are none.
    """

    scope: str
    y: str
    depth: Estimate | None = None
    width: Estimate | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Scaling:
    """What a study of depth and width found.

    Attributes:
        associations: over all patterns, then of each.
        exponents: over all patterns, then of each.
    """

    associations: Sequence[Association]
    exponents: Sequence[Exponents]

    def association(self, x: str, y: str, given: str = "", scope: str = ALL) -> Association | None:
        """Return one of them, if it is there."""
        return next((one for one in self.associations if (one.scope, one.x, one.y, one.given) == (scope, x, y, given)),
                    None)  # fmt: skip

    def exponents_of(self, y: str, scope: str = ALL) -> Exponents | None:
        """Return one of them, if it is there."""
        return next((one for one in self.exponents if (one.scope, one.y) == (scope, y)), None)


# What is asked of a study: two quantities, and what is held fixed.
PAIRS = (
    (FLOPS, NATIVE, ""), (FLOPS, ACCELERATED, ""), (FLOPS, SPEEDUP, ""),
    (FLOPS, EFFICACY, ""), (FLOPS, OWN_EFFICACY, ""), (FLOPS, EFFICACY_BY_TIME, ""), (FLOPS, OWN_EFFICACY_BY_TIME, ""),
    (EFFICACY, NATIVE, ""), (OWN_EFFICACY, ACCELERATED, ""),
    (EFFICACY, NATIVE, FLOPS), (OWN_EFFICACY, ACCELERATED, FLOPS), (EFFICACY, SPEEDUP, FLOPS),
    (EFFICACY_BY_TIME, NATIVE, FLOPS), (OWN_EFFICACY_BY_TIME, ACCELERATED, FLOPS), (EFFICACY_BY_TIME, SPEEDUP, FLOPS),
    (INTENSITY, SPEEDUP, FLOPS),
)  # fmt: skip
OUTCOMES = (FLOPS, NATIVE, ACCELERATED, SPEEDUP)


def study(points: Sequence[Point]) -> Scaling:
    """Return what points say, over all patterns and of each."""
    patterns = list(dict.fromkeys(point.pattern for point in points))
    scopes = {ALL: list(points)} if len(patterns) > 1 else {}
    scopes |= {name: [point for point in points if point.pattern == name] for name in patterns}
    return Scaling(
        [_associate(scope, some, *pair) for scope, some in scopes.items() for pair in PAIRS],
        [_exponents(scope, some, y) for scope, some in scopes.items() for y in OUTCOMES],
    )


def _column(points: Sequence[Point], name: str) -> list[float]:
    return [point.values[name] if name in _AS_IS else math.log(point.values[name]) for point in points]


def _known(points: Sequence[Point], names: Sequence[str]) -> list[Point]:
    return [point for point in points if all(name in point.values for name in names)]


def _associate(scope: str, points: Sequence[Point], x: str, y: str, given: str) -> Association:
    known = _known(points, [x, y, *([given] if given else [])])
    held = [_column(known, given)] if given else []
    groups = [point.pattern for point in known] if scope == ALL else None
    level = 0.95 if scope == ALL else EACH_LEVEL
    try:
        linear, rank = (
            correlate(_column(known, x), _column(known, y), held, groups, level)
            for correlate in (linear_correlation, rank_correlation)
        )
    except ValueError as error:
        return Association(scope, x, y, given, why_not=str(error))
    return Association(scope, x, y, given, linear, rank)


def _exponents(scope: str, points: Sequence[Point], y: str) -> Exponents:
    known = _known(points, [y])
    varied = {
        name: [math.log(value(point)) for point in known]
        for name, value in _DIMENSIONS.items()
        if len({value(point) for point in known}) > 1
    }
    outcome = _column(known, y)
    groups = None
    if scope == ALL:  # each pattern about its own mean, so that only growth is left
        groups = [point.pattern for point in known]
        outcome, *centred = (_about_own_mean(column, groups) for column in (outcome, *varied.values()))
        varied = dict(zip(varied, centred, strict=True))
    try:
        if not varied:
            raise ValueError("neither depth nor width was varied")
        fit = fit_linear(outcome, varied, groups, 0.95 if scope == ALL else EACH_LEVEL)
    except ValueError as error:
        return Exponents(scope, y, why_not=str(error))
    return Exponents(scope, y, fit.coefficients.get(DEPTH), fit.coefficients.get(WIDTH))


_DIMENSIONS: dict[str, Callable[[Point], int]] = {
    DEPTH: lambda point: point.depth,
    WIDTH: lambda point: point.width,
}


def _about_own_mean(values: Sequence[float], groups: Sequence[str]) -> list[float]:
    sums: dict[str, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        sums.setdefault(group, []).append(value)
    means = {group: math.fsum(own) / len(own) for group, own in sums.items()}
    return [value - means[group] for value, group in zip(values, groups, strict=True)]


def slope_in_depth(shallow: Estimate, deep: Estimate, blocks: int) -> Estimate:
    """Return the seconds that each further block takes, from the latencies at two depths and the difference of these.

    The intervals of both add in quadrature.

    >>> slope_in_depth(Estimate(1.0, 0.97, 1.03), Estimate(5.0, 4.96, 5.04), 4).value
    1.0
    """
    reach = math.hypot(*((one.high - one.low) / 2 for one in (shallow, deep))) / blocks
    value = (deep.value - shallow.value) / blocks
    return Estimate(value, value - reach, value + reach, shallow.level, min(shallow.n, deep.n))


def conclude(found: Scaling) -> list[str]:
    """Return what follows from a study, a sentence each; where an interval leaves a matter open, nothing is said of it.

    A sentence over all patterns rests on an interval of 95%, one on a single pattern on 99.8%, because there are many.
    """
    return [*_of_flops(found), *_of_efficacy(found), *_of_growth(found), *_of_patterns(found)]


STRONG = 0.9  # a rank correlation from which on one quantity orders another well


def _of_flops(found: Scaling) -> list[str]:
    said = []
    for side in (NATIVE, ACCELERATED):
        one = found.association(FLOPS, side)
        if one is None or one.rank is None:
            continue
        rank = one.rank
        if rank.low >= STRONG:
            said.append(f"FLOPs order {side} well: rank correlation {rank.plain}")
        elif rank.high < STRONG and rank.low > 0:
            said.append(f"FLOPs order {side} only roughly: rank correlation {rank.plain}")
        elif rank.high < 0:
            said.append(f"forms of more FLOPs have less {side}: rank correlation {rank.plain}")
    return said + _sure(found, FLOPS, SPEEDUP, "", "forms of more FLOPs gain", ("more", "less"))


_SIDES = (
    (EFFICACY, NATIVE), (OWN_EFFICACY, ACCELERATED), (EFFICACY_BY_TIME, NATIVE), (OWN_EFFICACY_BY_TIME, ACCELERATED),
)  # fmt: skip


def _of_efficacy(found: Scaling) -> list[str]:
    said = []
    for efficacy, side in _SIDES:
        said += _sure(found, FLOPS, efficacy, "", efficacy, ("rises with FLOPs", "falls with FLOPs"))
        higher = f"at equal FLOPs, forms of higher {efficacy}"
        said += _sure(found, efficacy, side, FLOPS, f"{higher} have", (f"more {side}", f"less {side}"))
        said += _sure(found, efficacy, SPEEDUP, FLOPS, f"{higher} gain", ("more", "less"))
    return said + _sure(
        found, INTENSITY, SPEEDUP, FLOPS, "at equal FLOPs, forms of more FLOPs a byte gain", ("more", "less")
    )


def _sure(found: Scaling, x: str, y: str, given: str, begins: str, ends: tuple[str, str]) -> list[str]:
    """Return the sentence of an association that both correlations are sure of, or nothing.

    Args:
        found: the study.
        x, y, given: the association.
        begins: how the sentence begins.
        ends: how it goes on where the correlation is positive, and where it is negative.
    """
    one = found.association(x, y, given)
    if one is None or one.linear is None or one.rank is None:
        return []
    signs = {_sign(one.linear), _sign(one.rank)}
    if len(signs) > 1 or 0 in signs:
        return []
    kind = "partial rank correlation" if given else "rank correlation"
    return [f"{begins} {ends[0] if 1 in signs else ends[1]}: {kind} {one.rank.plain}"]


def _of_growth(found: Scaling) -> list[str]:
    said = []
    for name in (DEPTH, WIDTH):
        flops = _exponent(found, FLOPS, name)
        for side in (NATIVE, ACCELERATED):
            own = _exponent(found, side, name)
            if own is None or flops is None:
                continue
            if own.high < flops.low:
                said.append(
                    f"{side} grows slower with {name} than FLOPs do: exponent {own.plain} against {flops.plain}"
                )
            elif own.low > flops.high:
                said.append(
                    f"{side} grows faster with {name} than FLOPs do: exponent {own.plain} against {flops.plain}"
                )
        speedup = _exponent(found, SPEEDUP, name)
        if speedup is not None and _sign(speedup):
            said.append(
                f"the speedup {'grows' if _sign(speedup) > 0 else 'falls'} with {name}: times "
                f"{2**speedup.value:.2f} ({2**speedup.low:.2f} to {2**speedup.high:.2f}) for each doubling"
            )
    return said


def _of_patterns(found: Scaling) -> list[str]:
    """Say which patterns' speedups surely grow or fall with depth or width; those that differ from most stand out."""
    said = []
    scopes = [one.scope for one in found.exponents if one.scope != ALL and one.y == SPEEDUP]
    for name in (DEPTH, WIDTH):
        for words, wanted in (("grows", 1), ("falls", -1)):
            names = [
                scope
                for scope in scopes
                if (own := _exponent(found, SPEEDUP, name, scope)) is not None and _sign(own) == wanted
            ]
            if names:
                said.append(f"the speedup {words} with {name} for {', '.join(names)}")
    return said


def _exponent(found: Scaling, y: str, name: str, scope: str = ALL) -> Estimate | None:
    one = found.exponents_of(y, scope)
    if one is None:
        return None
    return one.depth if name == DEPTH else one.width


def _sign(estimate: Estimate) -> int:
    """Return 1 or -1 where the interval lies on one side of 0, else 0."""
    return (estimate.low > 0) - (estimate.high < 0)
