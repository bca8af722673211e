"""What explains a speedup: operators per GMAC, cache efficacy and intensity at once, over forms of many kinds.

The hypothesis is that the time that native spends between operators is what acceleration saves, so that a network with
many operators for its multiply-accumulates gains most. What each of the three explains is told with the other two held
fixed, because they go together: small operators have few FLOPs a byte as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_formfunc.stats.regression import Fit, fit_linear

OPERATORS, EFFICACY, INTENSITY = "operators per GMAC", "native cache efficacy", "FLOPs a byte"
_SHARES = frozenset({EFFICACY})  # taken as they are; the others as logs to base 2, so that a unit is a doubling
FEW_VALUES = 0.02  # standard deviation of a share, up to which it is as good as constant


@dataclass(frozen=True)
class Form:
    """A form whose speedup is to be explained.

    Attributes:
        kind: forms of one kind (depths and widths of a pattern) are not independent of each other.
        speedup: native latency / accelerated latency.
        causes: by name, as in this file; a missing one leaves the form out.
    """

    kind: str
    speedup: float
    causes: Mapping[str, float]


@dataclass(frozen=True)
class Explanation:
    """What explains the speedups.

    Attributes:
        fit: of the log of the speedup (to base 2); None if it cannot be fitted.
        left_out: why a cause is not in it, by cause; with the key "" why there is no fit.
    """

    fit: Fit | None
    left_out: Mapping[str, str]


def explain_speedups(forms: Sequence[Form]) -> Explanation:
    """Fit the speedups of forms on all causes that vary.

    Forms are weighted alike; intervals treat each kind, not each form, as the independent unit.
    """
    left_out: dict[str, str] = {}
    known = list(forms)
    for cause in (OPERATORS, EFFICACY, INTENSITY):
        having = [one for one in forms if cause in one.causes]
        values = _column(having, cause)
        if len(having) < len(forms) / 2:
            left_out[cause] = f"known of {len(having)} of {len(forms)} forms"
        elif _deviation(values) <= (FEW_VALUES if cause in _SHARES else 0):
            left_out[cause] = "it hardly varies"
        else:
            known = [one for one in known if cause in one.causes]
    causes = [cause for cause in (OPERATORS, EFFICACY, INTENSITY) if cause not in left_out]
    try:
        if not causes:
            raise ValueError("no cause is known that varies")
        columns = {cause: _column(known, cause) for cause in causes}
        outcome = [math.log2(one.speedup) for one in known]
        return Explanation(fit_linear(outcome, columns, [one.kind for one in known]), left_out)
    except ValueError as error:
        return Explanation(None, {**left_out, "": str(error)})


def say_explanation(found: Explanation) -> list[str]:
    """Return sentences: how much all causes explain, what each does with the others held fixed, what was left out."""
    said = [f"{cause} is left out: {reason}" for cause, reason in found.left_out.items() if cause]
    if found.fit is None:
        return [*said, f"nothing is explained: {found.left_out['']}"]
    fit = found.fit
    said.append(f"{', '.join(fit.coefficients)} explain {fit.explained:.0%} of the variance of {fit.n} speedups (logs)")
    for cause, one in fit.coefficients.items():
        of = f"{cause} of 1 instead of 0 goes" if cause in _SHARES else f"twice the {cause} go"
        low, value, high = (2**end for end in (one.low, one.value, one.high))
        sure = "" if one.low > 0 or one.high < 0 else "; that may be chance"
        said.append(
            f"with the others held fixed, {of} with {value:.2f} times the speedup ({low:.2f} to {high:.2f}){sure}; "
            f"without it {fit.only[cause]:.0%} less of the variance is explained"
        )
    return said


def _column(forms: Sequence[Form], cause: str) -> list[float]:
    return [one.causes[cause] if cause in _SHARES else math.log2(one.causes[cause]) for one in forms]


def _deviation(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
