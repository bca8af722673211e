"""What the artifacts of a user's module depend on, and what of it has changed since the last run."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.json_reading import parse_json

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Network

_FOLDER = "modules"  # of the cache: one file for each program, with the digests of the last module that had it


@dataclass(frozen=True)
class ModuleContent:
    """Digests of a module.

    Attributes:
        program: of the exported program, with the shapes of everything.
        weights: of its parameters, buffers and constants.
        inputs: of the example input.
    """

    program: str
    weights: str
    inputs: str

    @property
    def key(self) -> str:
        """Return a string that changes with all of them."""
        return f"{self.program}{self.weights}{self.inputs}"

    def compare_with_last(self, cache: Path, began: float) -> str:
        """Return what differs from the last module of the same program, and remember this one in its place.

        Args:
            cache: folder of all artifacts.
            began: when this run began: two modules of one run may differ on purpose.

        Returns:
            Words such as ``weights``, or nothing where nothing differs or no earlier run had the program.
        """
        file = cache / _FOLDER / f"{self.program[:32]}.json"
        mine = {"weights": self.weights, "example inputs": self.inputs}
        found: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            read = parse_json(file.read_text(encoding="utf-8"))
            if isinstance(read, dict) and file.stat().st_mtime < began:
                found = read
        with contextlib.suppress(OSError):  # without it the next run knows less
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=".", dir=file.parent)
            with open(handle, "w", encoding="utf-8") as written:
                json.dump(mine, written)
            os.replace(part, file)
        return " and ".join(name for name, digest in mine.items() if found and found.get(name) != digest)


def content_of(network: Network) -> ModuleContent:
    """Digest a network's exported program, its weights and its example input.

    Raises:
        Exception: whatever the exporter raises.
    """
    import torch

    if isinstance(network.module, torch.jit.ScriptModule):
        return _content_of_script(network)
    program = network.program
    code, weights, inputs = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    lines = program.graph_module.print_readable(print_output=False).splitlines()
    # Comments name the file and the line of the user's code: the other revision's checkout lies elsewhere in each run.
    code.update("\n".join(line for line in lines if not line.lstrip().startswith("#")).encode())
    for name, one in sorted({**program.state_dict, **program.constants}.items()):
        code.update(name.encode())
        _add(one, code, weights)
    for one in network.inputs.tensors:
        _add(one, code, inputs)
    return ModuleContent(code.hexdigest(), weights.hexdigest(), inputs.hexdigest())


def _content_of_script(network: Network) -> ModuleContent:
    """Digest a module of TorchScript by what it is saved as."""
    import torch

    saved = io.BytesIO()
    torch.jit.save(network.module, saved)
    code, weights, inputs = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    with zipfile.ZipFile(saved) as archive:
        for entry in sorted(archive.namelist()):
            name = entry.partition("/")[2]  # without the archive's own name
            (code if name.startswith("code/") else weights).update(name.encode() + archive.read(entry))
    for one in network.inputs.tensors:
        _add(one, code, inputs)
    return ModuleContent(code.hexdigest(), weights.hexdigest(), inputs.hexdigest())


def _add(one: Any, code: Any, values: Any) -> None:
    """Add a tensor's type, shape and strides to one digest, and its values to another."""
    import torch

    if isinstance(one, torch.Tensor):
        code.update(f"{one.dtype}{tuple(one.shape)}{one.stride()}".encode())
        values.update(one.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
