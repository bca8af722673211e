"""A saved ``torch.export`` program, ``.pt2``; native runs its module."""

from __future__ import annotations

import io
import logging
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.forms.input_specs import Call, InputSpec, format_call, make_inputs
from pytest_formfunc.forms.modules import digest_of, given_inputs, vary_all
from pytest_formfunc.json_reading import parse_json

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Inputs, Network

_FILES = (
    "archive_format", "archive_version", "byteorder", "version", ".format_version", ".storage_alignment",
)  # fmt: skip
_FOLDERS = ("models/", "data/weights/", "data/constants/", "data/sample_inputs/", "extra/", ".data/")
_MOST_BYTES = 2**28  # of a list of weights


PRELOAD = ("torch.export.pt2_archive._package",)
"""What reads the files: importing it takes seconds, which a warm server spares its workers."""


@dataclass(frozen=True)
class ProgramSource:
    """An exported program in a file.

    Attributes:
        path: absolute path of the file.
        call: inputs that differ from the program's own example, by name or in order; may be empty.
        seed: seed of the inputs.
        inputs_path: file with an example call's arguments that this run wrote; empty to use the program's own example.
    """

    path: str
    call: Call = ()
    seed: int = 0
    inputs_path: str = ""

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        return Path(self.path).stem

    def content(self) -> str:
        """Return a string that changes with the file, the example and the call."""
        paths = [Path(self.path)] + ([Path(self.inputs_path)] if self.inputs_path else [])
        return f".pt2|{digest_of(*paths)}|{format_call(self.call)}|{self.seed}"

    def build(self) -> Network:
        """Make the network with example inputs.

        Raises:
            BadInput: the file is not an exported program, or the call does not fit its example.
        """
        from pytest_formfunc.forms.built import Network

        return Network(self.inputs(self.seed), self.inputs, self._module())

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the saved weights."""
        import torch

        module = self._module()
        module.load_state_dict(torch.load(artifact, map_location="cpu", weights_only=True))
        return module

    def inputs(self, seed: int) -> Inputs:
        """Make arguments from a seed: like the user's example or call if given, else like the program's own example."""
        if self.inputs_path:
            return given_inputs(self.inputs_path, seed)
        example = _example_of(Path(self.path))
        if not self.call:
            return vary_all(example, seed)
        return _with_call(example, self.call, seed, Path(self.path).name)

    def stored_bytes(self) -> int:
        """Return the size of the file in bytes."""
        path = Path(self.path)
        return path.stat().st_size if path.is_file() else 0

    def weigh(self) -> None:
        """Return None: `stored_bytes` gives the size."""

    def check_loads(self) -> None:
        """Check that torch loads the file, which takes a process that has torch.

        Raises:
            BadInput: it does not; as where it was written with operators that are not registered here.
        """
        self._module()

    def _module(self) -> nn.Module:
        import torch

        check_program(Path(self.path))
        _check_samples(Path(self.path))
        with _told_by_torch() as causes:
            try:
                program = torch.export.load(self.path)
            except Exception as error:
                cause = causes[0] if causes else error
                raise BadInput(f"{self.path} does not load as an exported program: {_why(cause)}") from error
        return program.module()


@contextmanager
def _told_by_torch() -> Iterator[list[BaseException]]:
    """Collect the errors that torch prints with their tracebacks, and raises another one in their place."""
    causes: list[BaseException] = []
    logger = logging.getLogger("torch.export")
    keep = logging.Handler()
    keep.emit = lambda record: causes.extend(filter(None, (record.exc_info or ())[1:2]))  # type: ignore[method-assign]
    logger.addHandler(keep)
    propagates, logger.propagate = logger.propagate, False
    try:
        yield causes
    finally:
        logger.propagate = propagates
        logger.removeHandler(keep)


def _why(error: BaseException) -> str:
    """Return why torch does not load a program, as one line."""
    if found := re.search(r"failed to resolve (\S+) to an operator", str(error)):
        return (
            f"its operator {found[1].removeprefix('torch.ops.')} is not registered here; give a function of yours "
            "that imports what registers it and loads the file (package.module:function)"
        )
    return one_line(error)


def check_program(path: Path) -> None:
    """Check, without loading it, that a file is an exported program of which nothing has to be unpickled.

    Raises:
        BadInput: it cannot be read, is something else, or holds pickled objects.
    """
    advice = "write it with torch.export.save of torch 2.8 or later"
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2]: name for name in archive.namelist()}
            if any(archive.getinfo(one).file_size > _MOST_BYTES for one in names.values() if one.endswith(".json")):
                raise BadInput(f"{path} is not an exported program: its lists of weights are too large")
            if any(one.compress_type != zipfile.ZIP_STORED for one in archive.infolist()):
                raise BadInput(f"{path} is compressed, which torch.export.save never does: {advice}")
            if damaged := archive.testzip():
                raise BadInput(f"{path} is damaged, at {damaged} in it: {advice}")
            if "archive_format" not in names or archive.open(names["archive_format"]).read(4) != b"pt2":
                raise BadInput(f"{path} is not an exported program: {advice}")
            roots = {name.partition("/")[0] for name in archive.namelist()}
            if len(roots) != 1 or len(names) != len(archive.namelist()) or not all(map(_is_known, names)):
                raise BadInput(
                    f"{path} has files that no exported program has, and torch would run code for some: {advice}"
                )
            for name, full in names.items():
                if name.startswith("models/"):
                    parse_json(archive.read(full))
                if name.startswith(("data/weights/", "data/constants/")):
                    _refuse_pickles(name, archive.read(full) if name.endswith(".json") else b"", path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, KeyError, AttributeError, TypeError,
            RuntimeError):  # fmt: skip
        raise BadInput(f"{path} is not an exported program, despite its ending: {advice}") from None


def _is_known(name: str) -> bool:
    """Return whether an exported program has such a file; torch loads a library from others (``data/aotinductor/``)."""
    return name in _FILES or name.startswith(_FOLDERS)


def _check_samples(path: Path) -> None:
    """Check that reading the example inputs runs no code: torch unpickles what it cannot read otherwise.

    Raises:
        BadInput: it would.
    """
    import torch

    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if "/data/sample_inputs/" in name:
                try:
                    torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True)
                except Exception as error:
                    raise BadInput(f"the example inputs in {path} are not plain tensors: {one_line(error)}") from error


def _refuse_pickles(name: str, content: bytes, path: Path) -> None:
    if name.endswith(".json"):
        entries = parse_json(content)["config"].values()
        pickled = any(
            entry["use_pickle"] or entry["path_name"].startswith(("custom_obj", "opaque")) for entry in entries
        )
    else:
        pickled = name.endswith((".pt", ".pkl"))  # the format of earlier versions
    if pickled:
        raise BadInput(
            f"{path} holds pickled objects, and reading those runs code: export it again without them, or give "
            "your own factory, package.module:function, that loads it"
        )


def _example_of(path: Path) -> Inputs:
    """Return the arguments that a program was exported with; they are read with ``weights_only``, which runs no code.

    Raises:
        BadInput: the file has none, or they are not plain tensors.
    """
    import torch

    from pytest_formfunc.forms.built import Inputs

    check_program(path)
    with zipfile.ZipFile(path) as archive:
        found = [name for name in archive.namelist() if "data/sample_inputs/" in name]
        content = archive.read(found[0]) if found else b""
    if not content:
        raise BadInput(f"{path} was saved without its example inputs: in a test, give them to formfunc with it")
    try:
        args, kwargs = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise BadInput(f"the example inputs in {path} are not plain tensors: {one_line(error)}") from error
    return Inputs(tuple(args), dict(kwargs))


def _with_call(example: Inputs, call: Call, seed: int, what: str) -> Inputs:
    """Return the example's arguments with the tensors of a call; tensors not in the call are like the example's.

    Raises:
        BadInput: the call has an input that the program lacks.
    """
    tensors: list[Any] = list(vary_all(example, seed).tensors)
    first_named = len(tensors) - len(example.kwargs)
    places = {name: first_named + index for index, name in enumerate(example.kwargs)}
    for index, spec in enumerate(call):
        place = places.get(spec.name, -1) if spec.name else index
        if not 0 <= place < len(tensors):
            known = f"; named ones are {', '.join(example.kwargs)}" if example.kwargs else ""
            raise BadInput(f"{what} has no input {spec.name or str(spec)!r}: it takes {len(tensors)} tensors{known}")
        kind = spec.type or _type_of(tensors[place])
        one = make_inputs((InputSpec(spec.shape, spec.name, kind, spec.fill),), seed + 1000 * place)
        tensors[place] = one.tensors[0]
    return example.with_tensors(tensors)


def _type_of(tensor: Any) -> str:
    from pytest_formfunc.forms.input_specs import TYPES

    name = str(tensor.dtype).removeprefix("torch.")
    return next((short for short, long in TYPES.items() if long == name), "f32")
