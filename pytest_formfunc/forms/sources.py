"""Where a network comes from: small records that travel to worker processes, which turn them into modules.

Nothing here loads torch before a method is called.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_formfunc.errors import BadInput, MeasurementError
from pytest_formfunc.forms import architectures, patterns
from pytest_formfunc.forms.registry import Table
from pytest_formfunc.targets import digest_code

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


class _BundledSource:
    """What sources of this package's own forms share: weights made from the seed, images as input."""

    input_shape: tuple[int, ...]
    seed: int

    def content(self) -> str:
        """See `Source.content`; the code of this package decides, beside the fields, and that of an added form.

        Raises:
            MeasurementError: an added form does not import.
        """
        digest = hashlib.sha256(repr(self).encode())
        for file in sorted(Path(__file__).parent.rglob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
        table, name = self._entry
        if table.is_added(name):
            table.load(name)
            digest.update(digest_code(table.entry(name).target).encode())
        return digest.hexdigest()

    def build(self) -> Network:
        """See `Source.build`.

        Raises:
            BadInput: there is no such form, or not at this size or input shape.
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
        """See `Source.restore`."""
        return _load_weights(self._make(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """See `Source.inputs`."""
        return _seeded_images(self.input_shape, seed)

    def describe(self) -> str:
        """See `Source.describe`."""
        raise NotImplementedError

    @property
    def is_added(self) -> bool:
        """Return whether others added this form: then only a worker, which imports its module, knows its content."""
        table, name = self._entry
        return table.is_added(name)

    @property
    def _entry(self) -> tuple[Table[Any], str]:
        """Return the table that the form is in, and its name there."""
        raise NotImplementedError

    def _make(self) -> nn.Module:
        """Make the network, its weights yet to be drawn."""
        raise NotImplementedError

    def _promised(self) -> dict[str, tuple[float | None, float]]:
        """Return what is said of parameters and multiply-accumulates, and how far off each may be."""
        raise NotImplementedError

    def _check_figures(self, module: nn.Module, inputs: Inputs) -> None:
        """Hold an added form to what is said of it, as tests hold the bundled ones.

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
    """A network out of one of the registered patterns, with weights made from the seed."""

    pattern: str
    depth: int
    width: int
    input_shape: tuple[int, ...]
    seed: int = 0

    def describe(self) -> str:
        """See `Source.describe`."""
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
        """See `Source.describe`."""
        return self.name

    @property
    def _entry(self) -> tuple[Table[Any], str]:
        return architectures.TABLE, self.name

    def _promised(self) -> dict[str, tuple[float | None, float]]:
        entry = architectures.architecture_entry(self.name)
        ours = (self.input_shape[0], *entry.input_shape[1:])  # the figure is for one image of the size it is made for
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
            except Exception as error:  # an added one may raise anything
                raise MeasurementError(f"architecture {self.name!r} raises {_one_line(error)}") from error
        if not isinstance(network, nn.Module):
            raise MeasurementError(
                f"architecture {self.name!r} must make a torch.nn.Module, not {type(network).__name__}"
            )
        return network.eval()


def uses_added_code(source: Source) -> bool:
    """Return whether a source is a pattern or an architecture that others added."""
    return isinstance(source, _BundledSource) and source.is_added


@dataclass(frozen=True)
class ModuleSource:
    """A user's module and the arguments of an example call, pickled (by cloudpickle) into a file each.

    Reading a pickle runs code, so the files must be ones that this run wrote itself.
    """

    path: str
    inputs_path: str

    def describe(self) -> str:
        """See `Source.describe`."""
        return Path(self.path).stem

    def content(self) -> None:
        """See `Source.content`; equal modules may pickle differently, so building must tell."""

    def build(self) -> Network:
        """See `Source.build`.

        Raises:
            BadInput: a file can't be read or holds something else.
        """
        from pytest_formfunc.forms.built import Network

        module = self._module()
        return Network(self.inputs(0), self.inputs, module)

    def restore(self, artifact: Path) -> nn.Module:
        """See `Source.restore`."""
        return _load_weights(self._module(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """Return the example for seed 0, else inputs that look like it; see `vary`."""
        from pytest_formfunc.forms.built import Inputs
        from pytest_formfunc.forms.inputs import vary

        examples = _unpickle(self.inputs_path)
        if not isinstance(examples, Inputs):
            raise BadInput(f"{self.inputs_path} must hold the arguments of a call")
        return examples if seed == 0 else examples.map(lambda place, tensor: vary(tensor, seed + place))

    def _module(self) -> nn.Module:
        from torch import nn

        module = _unpickle(self.path)
        if not isinstance(module, nn.Module):
            raise BadInput(f"{self.path} must hold a torch.nn.Module")
        return module.eval()


def _unpickle(path: str) -> Any:
    try:
        return pickle.loads(Path(path).read_bytes())
    except Exception as error:  # unpickling runs the user's code, which may raise anything
        raise BadInput(f"the model does not load in a worker process: {_one_line(error)}") from error


@dataclass(frozen=True)
class FactorySource:
    """A user's function ``package.module:factory`` that takes no arguments and returns a module."""

    target: str
    input_shape: tuple[int, ...]
    seed: int = 0

    def describe(self) -> str:
        """See `Source.describe`."""
        return self.target.replace(":", ".")

    def content(self) -> None:
        """See `Source.content`; only calling the factory can tell."""

    def build(self) -> Network:
        """See `Source.build`; the weights are the factory's own, drawn after torch was seeded.

        Raises:
            BadInput: the target can't be imported or called, or what it returns is no module.
        """
        from pytest_formfunc.forms.built import Network

        return Network(self.inputs(self.seed), self.inputs, self._make())

    def restore(self, artifact: Path) -> nn.Module:
        """See `Source.restore`."""
        return _load_weights(self._make(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """See `Source.inputs`."""
        return _seeded_images(self.input_shape, seed)

    def _make(self) -> nn.Module:
        import torch
        from torch import nn

        factory = self._find_factory()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                made = factory()
            except Exception as error:  # the user's code may raise anything
                raise BadInput(f"{self.target} raised {_one_line(error)}") from error
        if not isinstance(made, nn.Module):
            raise BadInput(f"{self.target} must return a torch.nn.Module, not {type(made).__name__}")
        return made.eval()

    def _find_factory(self) -> Any:
        module_name, colon, attribute = self.target.partition(":")
        names = [*module_name.split("."), attribute]
        if not colon or not all(name.isidentifier() for name in names):
            raise BadInput(f"a factory is given as package.module:function, not {self.target!r}")
        try:
            module = import_module(module_name)
        except Exception as error:  # importing runs the user's code, which may raise anything
            raise BadInput(f"module {module_name} of {self.target} does not import: {_one_line(error)}") from error
        if not hasattr(module, attribute):
            raise BadInput(f"module {module_name} has no {attribute!r}")
        return getattr(module, attribute)


def _seeded_images(shape: tuple[int, ...], seed: int) -> Inputs:
    import torch

    from pytest_formfunc.forms.built import Inputs
    from pytest_formfunc.forms.inputs import seeded_input

    return Inputs((seeded_input(shape, torch.float32, seed),))


def _load_weights(network: nn.Module, artifact: Path) -> nn.Module:
    import torch

    network.load_state_dict(torch.load(artifact, map_location="cpu", weights_only=True))
    return network.eval()


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
