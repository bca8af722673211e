"""What explains a quantity: linear least squares on several others at once, each coefficient with its interval."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.checks import check_finite
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.student import t_quantile

Array = NDArray[np.float64]

FEWEST_LEFT = 3  # points beyond the coefficients
FEWEST_GROUPS = 5
ALIKE = 30.0  # condition number of the standardised columns: from here on they say the same (Belsley et al., 1980)


@dataclass(frozen=True)
class Fit:
    """What a linear fit found.

    Attributes:
        coefficients: by column; the change of the outcome for each unit of the column, the others held fixed.
        explained: share of the outcome's variance that all columns explain together (R squared).
        only: share of the variance that is lost if a column alone is left out, by column.
        n: number of points.
    """

    coefficients: Mapping[str, Estimate]
    explained: float
    only: Mapping[str, float]
    n: int


def fit_linear(
    outcome: Sequence[float],
    columns: Mapping[str, Sequence[float]],
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Fit:
    """Fit an outcome on columns and a constant by least squares.

    The standard errors assume neither that all points scatter alike (White, Econometrica 48, 1980, as HC3) nor, where
    groups are given, that the points of one are independent (Liang and Zeger, Biometrika 73, 1986; Student's t with one
    less than the number of groups).

    Args:
        outcome: the quantity to explain.
        columns: by name, as many values each.
        groups: the group of each point, or None.
        level: coverage of the intervals.

    Raises:
        ValueError: too few points or groups, a column or an outcome that does not vary or is NaN or infinite somewhere,
            or columns that say the same.

    >>> round(fit_linear([1.0, 3.1, 4.9, 7.0, 9.0], {"x": [0, 1, 2, 3, 4]}).coefficients["x"].value, 2)
    1.99
    """
    y = np.asarray(outcome, dtype=float)
    names = list(columns)
    x = np.column_stack([np.asarray(columns[name], dtype=float) for name in names])
    count = len(y)
    if len(x) != count or count < len(names) + 1 + FEWEST_LEFT:
        raise ValueError(f"explaining by {len(names)} quantities needs at least {len(names) + 1 + FEWEST_LEFT} points")
    check_finite(y)
    check_finite(x)
    if np.ptp(y) == 0:
        raise ValueError("what is to be explained does not vary")
    for name, spread in zip(names, np.ptp(x, axis=0), strict=True):
        if spread == 0:
            raise ValueError(f"{name} does not vary")
    if np.linalg.cond((x - x.mean(axis=0)) / x.std(axis=0)) > ALIKE:
        raise ValueError(f"{', '.join(names)} vary so much alike that they cannot be told apart")
    center = x.mean(axis=0)
    design = np.column_stack([np.ones(count), x - center])
    inverse = np.linalg.inv(design.T @ design)
    solution = inverse @ design.T @ y
    rest = y - design @ solution
    errors, df = _errors(design, inverse, rest, groups)
    total = float(((y - y.mean()) ** 2).sum())
    explained = 1 - float(rest @ rest) / total
    reach = t_quantile(1 - level, df) * errors
    coefficients, only = {}, {}
    for at, name in enumerate(names, start=1):
        value = float(solution[at])
        coefficients[name] = Estimate(value, value - float(reach[at]), value + float(reach[at]), level, count)
        others = np.delete(design, at, axis=1)
        without = y - others @ np.linalg.lstsq(others, y, rcond=None)[0]
        only[name] = max(0.0, float(without @ without - rest @ rest) / total)
    return Fit(coefficients, explained, only, count)


def _errors(design: Array, inverse: Array, rest: Array, groups: Sequence[Hashable] | None) -> tuple[Array, float]:
    """Return the standard error of each coefficient, and its degrees of freedom."""
    count, width = design.shape
    if groups is None:
        leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
        scores = design * (rest / np.maximum(1 - leverage, 1e-9))[:, None]
        scale, df = 1.0, float(count - width)
    else:
        kinds = list(dict.fromkeys(groups))
        if len(kinds) < FEWEST_GROUPS:
            raise ValueError(f"points in groups need at least {FEWEST_GROUPS} groups")
        own = np.asarray([kinds.index(one) for one in groups])
        scores = np.stack([(design * rest[:, None])[own == at].sum(axis=0) for at in range(len(kinds))])
        scale = len(kinds) / (len(kinds) - 1) * (count - 1) / (count - width)
        df = float(len(kinds) - 1)
    covariance = scale * inverse @ (scores.T @ scores) @ inverse
    return np.asarray([math.sqrt(max(0.0, float(one))) for one in np.diag(covariance)]), df
