"""Files as nobody writes them: JSON of ours with values of other types, ranges and depths, and bytes that were changed."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

INPUTS = int(os.environ.get("FORMFUNC_FUZZ", "40"))
fuzz = settings(
    max_examples=INPUTS, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
)
RAW = "raw text of JSON:"  # of a value that is no value of Python's

# What a value may be in place of what it is. Text that begins with `RAW` is put into the file without quotes.
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**31, 2**63, -(2**63), 10**400, 0.0, -0.0, 1e-320, 1e308, -1e308, 1e15, 5e-324]),
    st.sampled_from([f"{RAW}{text}" for text in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "0.1e-400")]),
    st.sampled_from([f"{RAW}{'[' * 3000}{']' * 3000}", f"{RAW}{'[' * 100_000}{']' * 100_000}"]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", "\x1b[2J", "::error::x", "a\nb", "../../x", "|", "<b>", "\u202e", "\ud800", "x" * 5000]),
    st.sampled_from([[], {}, [[]], [None], {"": None}, [1, "a"], [{}], {"hash": 1}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a value of JSON."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, one in value.items():
            found += places(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value[:3]):
            found += places(one, (*path, index))
    return found


@st.composite
def changed(draw: Any, document: Any, most: int = 3) -> str:
    """Draw the text of a document in which some values are others, are gone, or are there under another name."""
    made = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        path = draw(st.sampled_from(places(made)))
        holder = made
        for step in path[:-1]:
            holder = holder[step]
        what = draw(st.sampled_from(["value", "value", "value", "gone", "renamed"]))
        if what == "value" or isinstance(holder, list):
            holder[path[-1]] = copy.deepcopy(draw(VALUES))
        else:
            value = holder.pop(path[-1])
            if what == "renamed":
                holder[draw(st.text(max_size=5))] = value
        if not isinstance(made, dict | list) or not places(made):
            break
    return as_text(made)


def as_text(value: Any) -> str:
    """Return a document as text; values that begin with `RAW` are in it as they are."""
    text = json.dumps(value)
    parts = text.split(f'"{RAW}')
    return parts[0] + "".join(part.replace('"', "", 1) for part in parts[1:])


@st.composite
def damaged(draw: Any, content: bytes) -> bytes:
    """Draw a file's bytes of which some are others, or that ends too early, or in which a part is there twice."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not made:
            break
        at = draw(st.integers(0, len(made) - 1))
        what = draw(st.sampled_from(["byte", "cut", "twice", "gone"]))
        length = draw(st.integers(1, 64))
        if what == "byte":
            made[at] = draw(st.integers(0, 255))
        elif what == "cut":
            del made[at:]
        elif what == "twice":
            made[at:at] = made[at : at + length]
        else:
            del made[at : at + length]
    return bytes(made)
