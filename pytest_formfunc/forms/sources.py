"""Where a network comes from: small records that travel to worker processes, which turn them into modules.

The protocol and this package's own forms; a user's are in `modules`, `factories`, `model_files`, `programs`, `zoos` and
`transformers_folder`.

Nothing here loads torch before a method is called.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Inputs, Network


class Source(Protocol):
    """What the measurement asks of any source; all of them are frozen and can be pickled."""

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""

    def content(self) -> str | None:
        """Return a text that changes with the built network, or None if only building can tell."""

    def build(self) -> Network:
        """Make the network, in evaluation mode, with an example of its inputs."""

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the weights of a saved ``state_dict``, in evaluation mode."""

    def inputs(self, seed: int) -> Inputs:
        """Make arguments like the example's; each seed has its own."""


@runtime_checkable
class Weighable(Protocol):
    """A source that can say how much memory its weights need before any are made."""

    def stored_bytes(self) -> int | None:
        """Return the bytes of its weights if files tell, else None. Loads nothing."""

    def weigh(self) -> int | None:
        """Return the bytes of its weights, found without making them, or None. Runs in a worker of its own."""


class _BundledSource:
    """What sources of this package's own forms share: weights made from the seed, images as input."""

    input_shape: tuple[int, ...]
    seed: int

    def content(self) -> str:
        """See `Source.content`; the code of this package decides, beside the fields."""
        digest = hashlib.sha256(repr(self).encode())
        for file in sorted(Path(__file__).parent.rglob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
        return digest.hexdigest()

    def build(self) -> Network:
        """See `Source.build`.

        Raises:
            BadInput: there is no such form, or not at this size or input shape.
        """
        from pytest_formfunc.forms.built import Network
        from pytest_formfunc.forms.initialise import initialise

        module = self._make()
        inputs = self.inputs(self.seed)
        initialise(module, inputs.args, self.seed)
        return Network(inputs, self.inputs, module)

    def restore(self, artifact: Path) -> nn.Module:
        """See `Source.restore`."""
        return load_weights(self._make(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """See `Source.inputs`."""
        return _seeded_images(self.input_shape, seed)

    def _make(self) -> nn.Module:
        """Make the network, its weights yet to be drawn."""
        raise NotImplementedError


@dataclass(frozen=True)
class PatternSource(_BundledSource):
    """A network out of one of the registered patterns, with weights made from the seed."""

    pattern: str
    depth: int
    width: int
    input_shape: tuple[int, ...]
    seed: int = 0

    def describe(self) -> str:
        """See `Source.describe`."""
        return f"{self.pattern}-d{self.depth}-w{self.width}"

    def _make(self) -> nn.Module:
        import torch

        from pytest_formfunc.forms.network import PatternNetwork
        from pytest_formfunc.forms.stem import check_input_shape

        check_input_shape(self.input_shape)
        with torch.random.fork_rng(devices=[]):
            network = PatternNetwork(self.pattern, self.depth, self.width, in_channels=self.input_shape[1])
        return network.eval()


@dataclass(frozen=True)
class ArchitectureSource(_BundledSource):
    """One of the registered architectures, with weights made from the seed."""

    name: str
    input_shape: tuple[int, ...]
    seed: int = 0

    def describe(self) -> str:
        """See `Source.describe`."""
        return self.name

    def _make(self) -> nn.Module:
        import torch

        from pytest_formfunc.forms.architectures import architecture_class

        with torch.random.fork_rng(devices=[]):
            network = architecture_class(self.name)()
        return network.eval()


def _seeded_images(shape: tuple[int, ...], seed: int) -> Inputs:
    import torch

    from pytest_formfunc.forms.built import Inputs
    from pytest_formfunc.forms.inputs import seeded_input

    return Inputs((seeded_input(shape, torch.float32, seed),))


def load_weights(network: nn.Module, artifact: Path) -> nn.Module:
    """Give a network the weights of a saved ``state_dict``, and put it in evaluation mode."""
    import torch

    network.load_state_dict(torch.load(artifact, map_location="cpu", weights_only=True))
    return network.eval()
