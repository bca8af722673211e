"""Find the source of each name that follows ``--formfunc-model``. Importing this loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.factories import FactorySource, parse_factory
from pytest_formfunc.forms.input_specs import Call
from pytest_formfunc.forms.model_files import SUFFIXES, file_source
from pytest_formfunc.forms.programs import PRELOAD as READS_PROGRAMS
from pytest_formfunc.forms.programs import ProgramSource, check_program
from pytest_formfunc.forms.sources import Source
from pytest_formfunc.forms.transformers_folder import PRELOAD, transformers_source
from pytest_formfunc.forms.zoos import ZOOS, ZooSource, check_installed
from pytest_formfunc.paths import exists, is_file, is_folder

FOLDER = "hf"
_FILES = (*SUFFIXES, ".pt2")
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True)
class UserModel:
    """One parsed name.

    Attributes:
        text: the name as it was typed.
        kind: ``factory``, ``file``, ``hf``, or the library's name.
        rest: the part after the kind; the whole text of a factory, and the absolute path of a file or folder.
    """

    text: str
    kind: str
    rest: str

    @property
    def module(self) -> str:
        """Return the module that a factory is in; empty for other kinds."""
        return self.rest.partition(":")[0] if self.kind == "factory" else ""

    @property
    def preload(self) -> tuple[str, ...]:
        """Return what a warm server should import for it; the user's own modules are not among these."""
        if self.kind == FOLDER:
            return PRELOAD
        if self.kind == "file" and Path(self.rest).suffix == ".pt2":
            return READS_PROGRAMS
        return ZOOS[self.kind].preload if self.kind in ZOOS else ()

    @property
    def has_torch_form(self) -> bool:
        """Return whether PyTorch can run it."""
        return not (self.kind == "file" and Path(self.rest).suffix in SUFFIXES)


def split_models(text: str) -> list[str]:
    """Split at commas, but not at those within brackets or quotes.

    >>> split_models("nets:build(a=1, b='x,y'), net.onnx")
    ["nets:build(a=1, b='x,y')", 'net.onnx']
    """
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and depth:
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += letter
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def parse_model(text: str) -> UserModel:
    """Parse one model's name.

    Raises:
        BadInput: it is malformed, there is no such file, its package is missing, or it would have to be unpickled.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in ZOOS:
        if not rest:
            raise BadInput(f"model {text!r} is malformed: write {kind}:NAME")
        check_installed(ZOOS[kind].distributions, kind, text)
        return UserModel(text, kind, rest)
    if colon and kind == FOLDER:
        if not rest or not is_folder(Path(rest)):
            raise BadInput(f"model {text!r}: there is no folder {rest!r}; nothing is downloaded")
        check_installed(("transformers",), "transformers", text)
        return UserModel(text, FOLDER, str(Path(rest).absolute()))
    suffix = Path(text).suffix
    if "(" not in text and suffix in _PICKLES and (":" not in text or exists(Path(text))):
        raise BadInput(
            f"model {text!r}: reading a {suffix} file unpickles it, which runs code, and it may hold weights alone: "
            "give a function of yours that loads it (package.module:function), or save it as .pt2 by torch.export.save"
        )
    if "(" not in text and suffix in _FILES:
        if not is_file(Path(text)):
            raise BadInput(f"model {text!r}: there is no such file")
        return UserModel(text, "file", str(Path(text).absolute()))
    if ":" not in text:
        raise BadInput(
            f"model {text!r} is malformed: write package.module:function, a file (.onnx, .xml, .pt2), "
            f"{', '.join(f'{zoo}:NAME' for zoo in ZOOS)} or hf:FOLDER"
        )
    parse_factory(text)
    return UserModel(text, "factory", text)


def source_of(model: UserModel, given: Call | None, default: Call, seed: int, pretrained: bool) -> Source:
    """Return the source of a model.

    Args:
        model: a parsed name.
        given: the call that the user gave, or None if there was none.
        default: the call for models that do not declare their inputs.
        seed: seed of weights and inputs.
        pretrained: whether trained weights are wanted.

    Raises:
        BadInput: a file is not of the kind that its ending says, or the call does not fit.
    """
    if model.kind == "factory":
        target, arguments = parse_factory(model.rest)
        return FactorySource(target, given or default, seed, arguments)
    if model.kind == FOLDER:
        return transformers_source(Path(model.rest), given or (), seed, pretrained)
    if model.kind != "file":
        return ZooSource(model.kind, model.rest, given or default, seed, pretrained)
    path = Path(model.rest)
    if path.suffix == ".pt2":
        check_program(path)
        return ProgramSource(str(path), given or (), seed)
    return file_source(path, given or (), seed)


def shape_of(source: Source, default: Call) -> tuple[int, ...]:
    """Return the shape of a source's first input, or of the default call if only building the source would show it."""
    call: Call = getattr(source, "call", ()) or default
    return call[0].shape
