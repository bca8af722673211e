"""Common parts of sources whose module is made by a user's or a library's code: inputs, weights, their size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_formfunc.forms.input_specs import Call, make_inputs
from pytest_formfunc.forms.sources import load_weights

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Inputs


class MadeSource:
    """A source whose `make` makes the module anew each time.

    Attributes:
        call: what the model is called with.
    """

    call: Call

    def make(self, trained: bool) -> nn.Module:
        """Make the module, in evaluation mode; with trained weights if ``trained`` is set and there are any.

        Raises:
            BadInput: the user's or the library's code raises.
        """
        raise NotImplementedError

    def content(self) -> str | None:
        """Return None: only making the module shows its content."""
        return None

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the saved weights, in evaluation mode."""
        return load_weights(self.make(trained=False), artifact)

    def inputs(self, seed: int) -> Inputs:
        """Make arguments like the example's from a seed."""
        return make_inputs(self.call, seed)

    def stored_bytes(self) -> int | None:
        """Return None: it is not known which files hold the weights."""
        return None

    def weigh(self) -> int | None:
        """Return the bytes of the weights, by making the module on torch's ``meta`` device, which uses no memory.

        The result is None for a module that cannot be made there: one whose code reads its weights' values or sets
        their device.
        """
        import torch

        try:
            with torch.device("meta"):
                module = self.make(trained=False)
        except Exception:  # noqa: BLE001 - the user's code may raise anything; an error shows when it is really made
            return None
        tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
