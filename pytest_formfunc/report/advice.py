"""Advice in words: what was built and timed and is faster, and how much was not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_formfunc.report.estimates import estimate_of
from pytest_formfunc.units import format_estimate, format_percent


def advice_words(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what gained, the greatest first, and count what did not.

    Raises:
        KeyError, TypeError, ValueError: the observation, which may come from a file, is damaged.
    """
    for one in found["gained"]:
        anew = "" if one["exact"] else "; it computes something else then, and has to be trained anew"
        yield f"{format_estimate(estimate_of(one['gain']))} faster with {one['advice']}{anew}"
    for one in found.get("symptoms", ()):
        share = format_percent(round(float(one["share"]), 3))
        yield f"{one['words']} take {share} of a call; the engines that were tried beside it are the answer, if any is"
    tried = len(found["gained"]) + len(found["not_gained"])
    others = len(found["not_gained"])
    if not tried:
        yield "nothing was tried that says anything"
    elif not found["gained"]:
        yield f"nothing to gain here: none of {tried} changes that were built and timed is surely faster"
    else:
        yield f"{others} of {tried} changes that were built and timed are not surely faster"
    if found["contended"]:
        yield f"{len(found['contended'])} more were timed beside other work, which says nothing"
    for name, reason in found["not_built"].items():
        yield f"{name} was not tried: {reason}"
