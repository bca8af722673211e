"""The job of a worker that changes a network: apply each lint to its exported program, and save what comes of it."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import one_line
from pytest_formfunc.function.lints import LINTS, LintEntry

if TYPE_CHECKING:
    from pytest_formfunc.measure.protocol import Job, Line

UNCHANGED = "unchanged"
_EXACT_DB = 60.0  # a change that says that it computes the same has to reach this SQNR in dB


def change(connection: Line, job: Job) -> None:
    """Answer with the changed programs: ``{"programs": {lint: (file, places)}, "dropped": {lint: reason}}``.

    The program as it is comes first, as `UNCHANGED`: it is timed in the same form as those that were changed. Where
    there is none, the answer is ``{"unavailable": reason}``.
    """
    import torch

    folder = Path(job.payload["folder"])
    torch.set_num_threads(job.threads)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecations inside the exporter, none of the user's
        try:
            network = job.payload["source"].build()
            program, inputs = network.program, network.inputs
            wanted = program.module()(*inputs.args, **inputs.kwargs)
        except Exception as error:  # noqa: BLE001 - the user's code and exporters raise many kinds
            connection.send({"unavailable": f"there is no exported program to change ({one_line(error)})"})
            return
        programs = {UNCHANGED: (_save(program, inputs, folder / f"{UNCHANGED}.pt2"), 0)}
        dropped: dict[str, str] = {}
        for name in job.payload["lints"]:
            entry = LINTS.entry(name)
            try:
                module = program.module()
                if not (places := entry.load()(module)):
                    continue
                module.graph.lint()
                module.recompile()
                if reason := _why_wrong(entry, wanted, module(*inputs.args, **inputs.kwargs)):
                    dropped[name] = reason
                    continue
                changed = torch.export.export(module, inputs.args, inputs.kwargs)
                programs[name] = (_save(changed, inputs, folder / f"{name}.pt2"), places)
            except Exception as error:  # noqa: BLE001 - a network that a lint has not foreseen
                dropped[name] = one_line(error)
    connection.send({"programs": programs, "dropped": dropped})


def _save(program: Any, inputs: Any, path: Path) -> str:
    import torch

    program.example_inputs = (tuple(inputs.args), dict(inputs.kwargs))
    torch.export.save(program, path)
    return str(path)


def _why_wrong(entry: LintEntry, wanted: Any, got: Any) -> str:
    """Return why outputs are not those of the network as it is, where they have to be; otherwise nothing."""
    from torch.utils import _pytree

    if not entry.exact:
        return ""
    for before, after in zip(_pytree.tree_leaves(wanted), _pytree.tree_leaves(got), strict=True):
        signal, noise = float((before.double() ** 2).sum()), float(((before - after).double() ** 2).sum())
        if not math.isfinite(noise) or noise > signal * 10 ** (-_EXACT_DB / 10):
            return "the changed network computes something else"
    return ""
