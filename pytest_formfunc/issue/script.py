"""The script of a bug report: it runs the model with the engine and numpy alone, and prints its latency."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pprint import pformat
from typing import Any

from pytest_formfunc.backends import reproduction
from pytest_formfunc.backends.reproduction import Reproduction
from pytest_formfunc.measure.share_job import SEED

NAME = "reproduce.py"
_TEXT = '''"""Time {model} on {title}: python {name} [SECONDS]

It needs {library} and numpy, and nothing else. It draws inputs from a seed, sets what the measured run has set, warms
up, and prints the median latency of a call in milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import {library}

MODEL = {model!r}
SETTINGS = {settings}
INPUTS = {inputs}
SEED = {seed}
Arrays = Sequence[np.ndarray]


{functions}


if __name__ == "__main__":
    generator = np.random.default_rng(SEED)
    arrays = [draw(one, generator) for one in INPUTS]
    model = {open}(str(Path(__file__).resolve().parent / MODEL), SETTINGS, arrays)
    run_script({title!r}, {library}.__version__, model, float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
'''


def render_script(form: Reproduction, inputs: Sequence[dict[str, Any]]) -> str:
    """Return the script's text.

    Args:
        form: how the engine hands its model on.
        inputs: what its inputs are drawn by.
    """
    parts = (reproduction.Opened, reproduction.draw, reproduction.time_calls, reproduction.run_script, form.open)
    functions = "\n\n".join(inspect.getsource(part).rstrip() + "\n" for part in parts).rstrip()
    return _TEXT.format(
        model=form.model,
        title=form.title,
        name=NAME,
        library=form.library,
        settings=pformat(form.settings, width=110),
        inputs=pformat([*inputs], width=110),
        seed=SEED,
        functions=functions.replace(f"    import {form.library}\n\n", ""),
        open=form.open.__name__,
    )


def words_of(form: Reproduction) -> list[str]:
    """Return the words that every such script has, whoever makes it."""
    return re.findall(r"[A-Za-z][A-Za-z0-9]+", render_script(form, ()))
