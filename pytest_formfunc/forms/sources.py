"""Where a network comes from: small records that are sent to worker processes, which turn them into modules.

This file has the protocol and the sources of this package's own forms; those of users' models are in `modules`,
`factories`, `model_files`, `programs`, `zoos` and `transformers_folder`.

Importing this loads no torch; only calling a method does.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.forms import architectures, patterns
from pytest_formfunc.registry import Table
from pytest_formfunc.targets import digest_code, load_target

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Inputs, Network


class Source(Protocol):
    """What the measurement needs of any source; all sources are frozen and can be pickled."""

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""

    def content(self) -> str | None:
        """Return a string that changes with the network, or None if only building the network shows its content."""

    def build(self) -> Network:
        """Make the network, in evaluation mode, with an example of its inputs."""

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the weights of a saved ``state_dict``, in evaluation mode."""

    def inputs(self, seed: int) -> Inputs:
        """Make arguments like the example's; each seed gives different ones."""


@runtime_checkable
class Weighable(Protocol):
    """A source that can say how much memory its weights need before any are made."""

    def stored_bytes(self) -> int | None:
        """Return the bytes of its weights if the sizes of files give them, else None. Loads nothing."""

    def weigh(self) -> int | None:
        """Return the bytes of its weights, found without allocating them, or None. Runs in a separate worker."""


class _BundledSource:
    """Common parts of patterns and architectures: weights made from the seed, images as input."""

    input_shape: tuple[int, ...]
    seed: int

    def content(self) -> str:
        """Return a digest of the fields, of the code of this package's forms, and of the code of an added form.

        Raises:
            MeasurementError: an added form does not import.
        """
        digest = hashlib.sha256(repr(self).encode() + _digest_forms())
        table, name = self._entry
        if table.is_added(name):
            target = table.entry(name).target
            load_target(target, f"{table.what} {name!r}")
            digest.update(digest_code(target).encode())
        return digest.hexdigest()

    def build(self) -> Network:
        """Make the network, in evaluation mode, with an example of its inputs.

        Raises:
            BadInput: there is no such form, or it does not exist at this size or input shape.
            MeasurementError: an added form is not what its entry says.
        """
        from pytest_formfunc.forms.built import Network
        from pytest_formfunc.forms.initialise import initialise

        module = self._make()
        inputs = self.inputs(self.seed)
        if self.is_added:
            self._check_figures(module, inputs)
        initialise(module, inputs.args, self.seed)
        return Network(inputs, self.inputs, module)

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the saved weights, in evaluation mode."""
        return load_weights(self._make(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """Make random images; each seed gives different ones."""
        return _seeded_images(self.input_shape, seed)

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        raise NotImplementedError

    @property
    def is_added(self) -> bool:
        """Return whether this form was added; then only a worker, which imports its module, knows its content."""
        table, name = self._entry
        return table.is_added(name)

    @property
    def _entry(self) -> tuple[Table[Any], str]:
        """Return the form's table and its name there."""
        raise NotImplementedError

    def _make(self) -> nn.Module:
        """Make the network, without its final weights."""
        raise NotImplementedError

    def _promised(self) -> dict[str, tuple[float | None, float]]:
        """Return the declared numbers of parameters and multiply-accumulates, each with its tolerance."""
        raise NotImplementedError

    def _check_figures(self, module: nn.Module, inputs: Inputs) -> None:
        """Check an added form's declared figures, as tests check those of the bundled forms.

        Raises:
            MeasurementError: a figure is wrong.
        """
        from pytest_formfunc.function.cost import count_cost

        table, name = self._entry
        cost = count_cost(module, inputs.args, inputs.kwargs)
        for key, (said, tolerance) in self._promised().items():
            counted = getattr(cost, key)
            if said is not None and abs(counted - said) > tolerance:
                raise MeasurementError(
                    f"{table.what} {name!r} ({table.entry(name).target}) says {said:,.0f} {key} of {self.describe()}, "
                    f"and it has {counted:,}"
                )


@dataclass(frozen=True)
class PatternSource(_BundledSource):
    """A network of one of the registered patterns, with weights made from the seed."""

    pattern: str
    depth: int
    width: int
    input_shape: tuple[int, ...]
    seed: int = 0

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        return f"{self.pattern}-d{self.depth}-w{self.width}"

    @property
    def _entry(self) -> tuple[Table[Any], str]:
        return patterns.TABLE, self.pattern

    def _promised(self) -> dict[str, tuple[float | None, float]]:
        from pytest_formfunc.forms.network import CLASSES, count_network_macs, count_network_params

        sizes = (self.pattern, self.depth, self.width)
        return {
            "params": (count_network_params(*sizes, self.input_shape[1], CLASSES), 0),
            "macs": (count_network_macs(*sizes, self.input_shape, CLASSES), 0),
        }

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
        """Name the form in a few letters, for folders and messages."""
        return self.name

    @property
    def _entry(self) -> tuple[Table[Any], str]:
        return architectures.TABLE, self.name

    def _promised(self) -> dict[str, tuple[float | None, float]]:
        entry = architectures.architecture_entry(self.name)
        ours = (self.input_shape[0], *entry.input_shape[1:])  # the declared figure is for one image of the usual size
        macs = None if entry.macs is None or self.input_shape != ours else entry.macs * 1e6 * self.input_shape[0]
        digits = len(str(entry.macs).partition(".")[2])
        return {"params": (entry.params, 0), "macs": (macs, 0.51e6 * 10**-digits * self.input_shape[0])}

    def _make(self) -> nn.Module:
        import torch
        from torch import nn

        make = architectures.architecture_class(self.name)
        with torch.random.fork_rng(devices=[]):
            try:
                network = make()
            except Exception as error:  # the code of an added architecture may raise anything
                raise MeasurementError(f"architecture {self.name!r} raises {one_line(error)}") from error
        if not isinstance(network, nn.Module):
            raise MeasurementError(
                f"architecture {self.name!r} must make a torch.nn.Module, not {type(network).__name__}"
            )
        return network.eval()


@functools.cache
def _digest_forms() -> bytes:
    """Digest the source code of this package's forms."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.digest()


def uses_added_code(source: Source) -> bool:
    """Return whether a source is an added pattern or architecture."""
    return isinstance(source, _BundledSource) and source.is_added


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
