"""A module that a user's test made, and the arguments of example calls; this run wrote both to files."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.forms.sources import load_weights

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Inputs, Network

SCRIPT = ".ts"  # suffix of a file that holds a module of TorchScript


@dataclass(frozen=True)
class ModuleSource:
    """A user's module and the arguments of an example call, each pickled into a file by cloudpickle.

    A module of TorchScript, which cannot be pickled, is saved as PyTorch saves it (``.ts``). Reading a pickle runs
    code, so the files must be ones that this run wrote itself.

    Attributes:
        path: file of the module.
        inputs_path: file of the arguments.
    """

    path: str
    inputs_path: str

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages: without the number of the file in its run."""
        return Path(self.path).stem.rpartition("-")[0] or "model"

    def content(self) -> None:
        """Return None: equal modules may pickle differently, so only building one shows its content."""

    def build(self) -> Network:
        """Make the network, in evaluation mode, with its example inputs.

        Raises:
            BadInput: a file cannot be read or holds something else.
        """
        from pytest_formfunc.forms.built import Network

        module = self._module()
        return Network(self.inputs(0), self.inputs, module)

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the saved weights, in evaluation mode."""
        return load_weights(self._module(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """Return the example for seed 0, else arguments similar to it."""
        return given_inputs(self.inputs_path, seed)

    def _module(self) -> nn.Module:
        from torch import nn

        module = _load_script(self.path) if self.path.endswith(SCRIPT) else _unpickle(self.path)
        if not isinstance(module, nn.Module):
            raise BadInput(f"{self.path} must hold a torch.nn.Module")
        return module.eval()


def given_inputs(path: str, seed: int) -> Inputs:
    """Return the arguments of a call, from a file of calls that this run wrote.

    Seed 0 is the example, the next seeds are the other calls that the user gave, and all others are like the example.

    Raises:
        BadInput: the file cannot be read or holds something else.
    """
    from pytest_formfunc.forms.built import Inputs

    calls = _unpickle(path)
    if not isinstance(calls, tuple) or not calls or not all(isinstance(one, Inputs) for one in calls):
        raise BadInput(f"{path} must hold the arguments of calls")
    return calls[seed] if 0 <= seed < len(calls) else vary_all(calls[0], seed)


def vary_all(example: Inputs, seed: int) -> Inputs:
    """Return the example for seed 0, else arguments similar to it, made by `inputs.vary`."""
    from pytest_formfunc.forms.inputs import vary

    alone = len(example.tensors) == 1
    # Two seeds in a row must not give two tensors of a call the same values in another order.
    return example if seed == 0 else example.map(lambda place, one: vary(one, seed + 1000 * place, alone=alone))


def digest_of(*paths: Path) -> str:
    """Digest the contents of files, in order; their names do not matter.

    Raises:
        BadInput: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def _load_script(path: str) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls TorchScript deprecated; the module is the user's
        return torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]


def _unpickle(path: str) -> Any:
    try:
        return pickle.loads(Path(path).read_bytes())
    except Exception as error:  # unpickling runs the user's code, which may raise anything
        raise BadInput(f"the model does not load in a worker process: {one_line(error)}") from error
