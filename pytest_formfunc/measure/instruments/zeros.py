"""Exact zeros and redundancy of a network whose weights the user says are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.function.zeros import look_at
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject

INPUTS = 8  # made like the example, each from a seed of its own


class Zeros(Instrument):
    """What each activation that can make zeros makes of some inputs; it rests on no time and on no engine."""

    once = of_all = timeless = True
    of_processors = False

    def observe(self, subject: Subject) -> Seen:
        """Return the mean and the spread over inputs, activation by activation."""
        try:
            network = subject.build()
            module = network.program.module()
        except Exception as error:  # noqa: BLE001 - exporters raise many kinds
            raise MeasurementError(f"there is no exported program to look at ({one_line(error)})") from None
        calls = [network.draw(seed) for seed in range(INPUTS)]
        found = look_at(module, [(*one.args, *one.kwargs.values()) for one in calls])
        if not found:
            raise MeasurementError("it has no activation that makes exact zeros")
        return {
            "activations": [
                {
                    "layer": one.layer,
                    "zeros": _spread(one.zeros),
                    "over_channels": _spread(one.over_channels),
                    "over_positions": _spread(one.over_positions),
                }
                for one in found
            ]
        }

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return the same for all participants."""
        return {
            "source": f"{INPUTS} inputs made like the example, weights trained as the user says",
            **launches.own[0],
        }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return the mean and the standard deviation over inputs; None where a value does not exist."""
    if any(map(math.isnan, values)):
        return None
    return {"mean": fmean(values), "sd": stdev(values)}
