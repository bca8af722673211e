"""A model file that PyTorch cannot run: ONNX, or OpenVINO's IR. The user names another engine in place of native."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pytest_formfunc.errors import BadInput, Unsupported
from pytest_formfunc.forms.input_specs import Call, format_call, make_inputs
from pytest_formfunc.forms.known_inputs import KnownInput, complete_call
from pytest_formfunc.forms.modules import digest_of, given_inputs

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs, Network

SUFFIXES = (".onnx", ".xml")


@dataclass(frozen=True)
class FileSource:
    """A model file with the arguments of a call: described by the user, or an example from a user's test.

    Attributes:
        path: absolute path of the file.
        call: all inputs, in the file's order; empty where there is an example.
        seed: seed of the inputs.
        inputs_path: file with an example call's arguments that this run wrote; empty where there is none.
    """

    path: str
    call: Call = ()
    seed: int = 0
    inputs_path: str = ""

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        return Path(self.path).stem

    def content(self) -> str:
        """Return a string that changes with the file, with its separate files of weights, and with the call."""
        paths = [Path(self.path), *belonging_to(Path(self.path))]
        example = [Path(self.inputs_path)] if self.inputs_path else []
        return f"{Path(self.path).suffix}|{digest_of(*paths, *example)}|{format_call(self.call)}|{self.seed}"

    def build(self) -> Network:
        """Return the file with an example of its inputs.

        Raises:
            BadInput: the file is not of the kind that its ending says.
            Unsupported: its operators are those of classical machine learning.
        """
        from pytest_formfunc.forms.built import Network

        _refuse_classical(Path(self.path))
        known_inputs(Path(self.path))
        return Network(self.inputs(self.seed), self.inputs, file=Path(self.path))

    def restore(self, artifact: Path) -> NoReturn:
        """Raise `Unsupported`: there is no module."""
        del artifact
        raise Unsupported(no_torch_form(Path(self.path).name))

    def inputs(self, seed: int) -> Inputs:
        """Make arguments like the example's from a seed."""
        if self.inputs_path:
            return given_inputs(self.inputs_path, seed)
        return make_inputs(self.call, seed)

    def stored_bytes(self) -> int:
        """Return the bytes of the file and of its separate files of weights."""
        path = Path(self.path)
        return sum(one.stat().st_size for one in (path, *belonging_to(path)) if one.is_file())

    def weigh(self) -> None:
        """Return None: `stored_bytes` gives the size."""


def _refuse_classical(path: Path) -> None:
    from pytest_formfunc.forms.onnx_file import read_onnx

    if path.suffix == ".onnx" and (names := read_onnx(path).classical):
        raise Unsupported(
            f"{path.name} has operators of ai.onnx.ml ({', '.join(names)}), and this operator set is not supported: "
            "what is counted and compared here is a network of ONNX's standard operators"
        )


def no_torch_form(name: str) -> str:
    """Return the message for a model that native cannot run."""
    return f"{name} has no PyTorch form: say what it is compared with, e.g. --formfunc-native onnxruntime"


def known_inputs(path: Path) -> Sequence[KnownInput]:
    """Return the inputs that a file declares.

    Raises:
        BadInput: it cannot be read, or is not of the kind that its ending says.
    """
    from pytest_formfunc.forms.ir_file import read_ir
    from pytest_formfunc.forms.onnx_file import read_onnx

    return read_ir(path) if path.suffix == ".xml" else read_onnx(path).inputs


def belonging_to(path: Path) -> list[Path]:
    """Return the separate files in which a model file keeps weights.

    Raises:
        BadInput: it cannot be read, or is not of the kind that its ending says.
    """
    from pytest_formfunc.forms.ir_file import weights_of
    from pytest_formfunc.forms.onnx_file import read_onnx

    return [weights_of(path)] if path.suffix == ".xml" else list(read_onnx(path).external)


def file_source(path: Path, given: Call, seed: int) -> FileSource:
    """Return the source of a file; what the file declares completes the user's inputs.

    Raises:
        BadInput: it cannot be read, is not of the kind that its ending says, or a size is missing.
    """
    call = complete_call(known_inputs(path), given, path.name)
    return FileSource(str(path), call, seed)


def order_example(path: Path, example: Inputs) -> Inputs:
    """Return an example call with every argument named, in the file's order.

    Raises:
        BadInput: the number of arguments or their names differ from the file's.
    """
    from pytest_formfunc.forms.built import Inputs

    known = [one.name for one in known_inputs(path)]
    named = dict(zip(known, example.args, strict=False)) | example.kwargs
    if set(named) != set(known) or len(example.args) + len(example.kwargs) != len(known):
        raise BadInput(f"{path.name} takes {len(known)} inputs: {', '.join(known)}")
    return Inputs((), {name: named[name] for name in known})
