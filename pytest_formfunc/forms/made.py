"""What sources share whose module is made by code, a user's or a library's: inputs, weights, their size."""

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
        """Make the module, in evaluation mode; with trained weights where there are any and they are wanted.

        Raises:
            BadInput: the code, which is somebody else's, raises.
        """
        raise NotImplementedError

    def content(self) -> str | None:
        """See `Source.content`; only making the module can tell."""
        return None

    def restore(self, artifact: Path) -> nn.Module:
        """See `Source.restore`."""
        return load_weights(self.make(trained=False), artifact)

    def inputs(self, seed: int) -> Inputs:
        """See `Source.inputs`."""
        return make_inputs(self.call, seed)

    def stored_bytes(self) -> int | None:
        """See `Weighable.stored_bytes`; where weights are is not known."""
        return None

    def weigh(self) -> int | None:
        """See `Weighable.weigh`: made on torch's ``meta`` device, where tensors have shapes and no memory.

        Code that looks at its weights' values, or says which device they are on, cannot be made there: then None.
        """
        import torch

        try:
            with torch.device("meta"):
                module = self.make(trained=False)
        except Exception:  # noqa: BLE001 - the user's code may raise anything; making it in earnest says what
            return None
        tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
