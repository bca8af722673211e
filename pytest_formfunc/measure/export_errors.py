"""Say in plain words why ``torch.export`` or a converter does not take a module, and at which line of the module."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from pytest_formfunc.errors import one_line

_UNCONVERTED = re.compile(r"No conversion rule found for operations: ([^\n]+)")  # of OpenVINO
_LINE = re.compile(r'File "([^"]+)", line (\d+)')
# Parts of exporters' names and messages, and what they mean for who wrote the module. The first that occurs is said.
_MEANINGS = (
    (
        ("_detect_is_causal_mask",),
        "it looks at the values of a mask to find out whether it is causal: say is_causal=True (or False) where "
        "torch.nn.TransformerEncoder is called",
    ),
    (
        (
            "GuardOnDataDependentSymNode",
            "data-dependent",
            "Could not guard on",
            "Could not extract specialized int",
        ),
        "it takes a number from a tensor (a branch, a shape, float() or .item()), and an exported program is the same "
        "for all values: keep it a tensor, choose with torch.where or torch.cond, or make the size fixed",
    ),
    (
        ("PendingUnbackedSymbolNotFound",),
        "the size of a tensor depends on the values in another one (nonzero, a mask as an index), which it does not "
        "take",
    ),
    (
        ("is not a known type", "not registered as a pytree", "register a pytree"),
        "an object of a class of its own is among its inputs or outputs, which torch.export does not know: give and "
        "return tensors, tuples and dicts, or register the class (torch.export.register_dataclass)",
    ),
    (
        ("PackedParams",),
        "it has layers that torch.ao.quantization has quantised already, whose packed weights cannot be exported: give "
        "the module that it was made from, which openvino-int8 quantises",
    ),
    (
        ("ScriptModule", "ScriptFunction", "ScriptObject"),
        "it is compiled by torch.jit.script already, which cannot be exported: give the module that it was made from",
    ),
    (
        ("inference tensor", "Inference tensors"),
        "it keeps a tensor that was made under torch.inference_mode: make it under torch.no_grad",
    ),
)


def explain_export(error: BaseException) -> str:
    """Return one sentence about an exporter's exception: what it means if that is known, else its own message.

    The module's line is added where the message or the traceback has it.
    """
    text = "".join(traceback.format_exception(error))
    where = _line_of_the_module(text)
    if (found := _UNCONVERTED.search(text)) is not None:
        return f"it has no rule for {' '.join(found[1].split())}{where}"
    for parts, meaning in _MEANINGS:
        if any(part in text for part in parts):
            return f"{meaning}{where}"
    return f"{one_line(error)}{where}"


def _line_of_the_module(text: str) -> str:
    """Return the last line in a traceback that is in no installed package and not in this one; empty if none is."""
    own = str(Path(__file__).resolve().parents[1])
    lines = [
        (file, line)
        for file, line in _LINE.findall(text)
        if not file.startswith((own, "<"))
        and not {"site-packages", "dist-packages"} & set(Path(file).parts)
        and "lib/python" not in file
    ]
    return f" (at {lines[-1][0]}:{lines[-1][1]})" if lines else ""
