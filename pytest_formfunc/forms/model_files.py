"""A model file that has no PyTorch form: ONNX, or OpenVINO's IR. An engine of its own has to stand for native."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pytest_formfunc.errors import BadInput, Unsupported
from pytest_formfunc.forms.input_specs import Call, format_call, make_inputs
from pytest_formfunc.forms.known_inputs import KnownInput, complete_call
from pytest_formfunc.forms.modules import digest_of, load_example, vary_all

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs, Network

SUFFIXES = (".onnx", ".xml")


@dataclass(frozen=True)
class FileSource:
    """A model file with the arguments of a call: stated, or a user's own example.

    Attributes:
        path: absolute.
        call: complete, in the file's order; empty where there is an example.
        seed: of the inputs.
        inputs_path: file with an example call's arguments that this run wrote; empty where there is none.
    """

    path: str
    call: Call = ()
    seed: int = 0
    inputs_path: str = ""

    def describe(self) -> str:
        """See `Source.describe`."""
        return Path(self.path).stem

    def content(self) -> str:
        """See `Source.content`: the bytes of the file and of those that belong to it, and the call."""
        paths = [Path(self.path), *belonging_to(Path(self.path))]
        example = [Path(self.inputs_path)] if self.inputs_path else []
        return f"{Path(self.path).suffix}|{digest_of(*paths, *example)}|{format_call(self.call)}|{self.seed}"

    def build(self) -> Network:
        """See `Source.build`.

        Raises:
            BadInput: the file is not what its ending says.
        """
        from pytest_formfunc.forms.built import Network

        known_inputs(Path(self.path))
        return Network(self.inputs(self.seed), self.inputs, file=Path(self.path))

    def restore(self, artifact: Path) -> NoReturn:
        """See `Source.restore`; there is no module."""
        del artifact
        raise Unsupported(no_torch_form(Path(self.path).name))

    def inputs(self, seed: int) -> Inputs:
        """See `Source.inputs`."""
        if self.inputs_path:
            return vary_all(load_example(self.inputs_path), seed)
        return make_inputs(self.call, seed)

    def stored_bytes(self) -> int:
        """See `Weighable.stored_bytes`."""
        path = Path(self.path)
        return sum(one.stat().st_size for one in (path, *belonging_to(path)) if one.is_file())

    def weigh(self) -> None:
        """See `Weighable.weigh`; the files tell."""


def no_torch_form(name: str) -> str:
    """Return the sentence about a model that native cannot run."""
    return f"{name} has no PyTorch form: say what it is compared with, e.g. --formfunc-native onnxruntime"


def known_inputs(path: Path) -> Sequence[KnownInput]:
    """Return what a file says of its inputs.

    Raises:
        BadInput: it can't be read, or is not what its ending says.
    """
    from pytest_formfunc.forms.ir_file import read_ir
    from pytest_formfunc.forms.onnx_file import read_onnx

    return read_ir(path) if path.suffix == ".xml" else read_onnx(path).inputs


def belonging_to(path: Path) -> list[Path]:
    """Return the files that a model file keeps weights in.

    Raises:
        BadInput: it can't be read, or is not what its ending says.
    """
    from pytest_formfunc.forms.ir_file import weights_of
    from pytest_formfunc.forms.onnx_file import read_onnx

    return [weights_of(path)] if path.suffix == ".xml" else list(read_onnx(path).external)


def file_source(path: Path, given: Call, seed: int) -> FileSource:
    """Return the source of a file, its call completed by what the file knows.

    Raises:
        BadInput: it can't be read, is not what its ending says, or a size is missing.
    """
    call = complete_call(known_inputs(path), given, path.name)
    return FileSource(str(path), call, seed)


def order_example(path: Path, example: Inputs) -> Inputs:
    """Return an example call with every argument named, in the file's order.

    Raises:
        BadInput: another number of arguments than the file has, or other names.
    """
    from pytest_formfunc.forms.built import Inputs

    known = [one.name for one in known_inputs(path)]
    named = dict(zip(known, example.args, strict=False)) | example.kwargs
    if set(named) != set(known) or len(example.args) + len(example.kwargs) != len(known):
        raise BadInput(f"{path.name} takes {len(known)} inputs: {', '.join(known)}")
    return Inputs((), {name: named[name] for name in known})
