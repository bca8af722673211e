"""Networks from model libraries by name: ``timm:NAME``, ``torchvision:NAME``, ``pytorchcv:NAME``.

A new library needs a function that lists its names, one that makes a network, and an entry in `ZOOS`.
"""

from __future__ import annotations

import difflib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.forms.input_specs import Call
from pytest_formfunc.forms.made import MadeSource

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Network


@dataclass(frozen=True)
class Zoo:
    """One library.

    Attributes:
        distributions: what must be installed.
        preload: modules or functions (``module:function``) that a warm server imports or calls, once for all workers.
        names: lists the names of all networks.
        make: makes a network from its name and whether it should have the library's trained weights.
    """

    distributions: tuple[str, ...]
    preload: tuple[str, ...]
    names: Callable[[], Sequence[str]]
    make: Callable[[str, bool], Any]


def _import_timm() -> Any:
    from pytest_formfunc.forms.torchvision_import import import_torchvision

    import_torchvision()
    import timm

    return timm


def _timm_names() -> Sequence[str]:
    names: list[str] = _import_timm().list_models()
    return names


def _make_timm(name: str, pretrained: bool) -> Any:
    return _import_timm().create_model(name, pretrained=pretrained)


def _torchvision_names() -> Sequence[str]:
    from pytest_formfunc.forms.torchvision_import import import_torchvision

    models = import_torchvision().models
    names: list[str] = models.list_models(module=models)  # classification only, which does not need the compiled part
    return names


def _make_torchvision(name: str, pretrained: bool) -> Any:
    from pytest_formfunc.forms.torchvision_import import import_torchvision

    # These two warn unless they are told how to draw weights; here weights are drawn later.
    own = {"init_weights": False} if name in ("googlenet", "inception_v3") and not pretrained else {}
    made = import_torchvision().models.get_model(name, weights="DEFAULT" if pretrained else None, **own)
    return made


def _pytorchcv_names() -> Sequence[str]:
    from pytest_formfunc.forms.torchvision_import import import_torchvision

    import_torchvision()
    from pytorchcv.model_provider import _models

    return tuple(_models)


def _make_pytorchcv(name: str, pretrained: bool) -> Any:
    from pytorchcv.model_provider import get_model

    return get_model(name, pretrained=pretrained)


_TORCHVISION = "pytest_formfunc.forms.torchvision_import:import_torchvision"
ZOOS = {
    "timm": Zoo(("timm", "torchvision"), (_TORCHVISION, "timm"), _timm_names, _make_timm),
    "torchvision": Zoo(("torchvision",), (_TORCHVISION,), _torchvision_names, _make_torchvision),
    "pytorchcv": Zoo(
        ("pytorchcv", "torchvision"), (_TORCHVISION, "pytorchcv.model_provider"), _pytorchcv_names, _make_pytorchcv
    ),
}


def check_installed(distributions: Sequence[str], extra: str, what: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        BadInput: one is not; the message names the extra that installs it.
    """
    for name in distributions:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise BadInput(
                f'{what} needs {name}, which is not installed (pip install "pytest-formfunc[{extra}]")'
            ) from None


@dataclass(frozen=True)
class ZooSource(MadeSource):
    """A network from a library, by name.

    Attributes:
        zoo: a key of `ZOOS`.
        name: the network's name in the library.
        call: the inputs it is called with, positional.
        seed: seed of random weights and of inputs.
        pretrained: whether to use the library's trained weights, which it may download.
    """

    zoo: str
    name: str
    call: Call
    seed: int = 0
    pretrained: bool = False

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        return f"{self.zoo}.{self.name}"

    def build(self) -> Network:
        """Make the network; random weights are drawn like those of the bundled forms, so that signals keep their size.

        Raises:
            BadInput: there is no such network, or it cannot be made or does not take the input.
        """
        from pytest_formfunc.forms.built import Network
        from pytest_formfunc.forms.initialise import initialise

        module = self.make(self.pretrained)
        inputs = self.inputs(self.seed)
        if not self.pretrained:
            try:
                initialise(module, inputs.args, self.seed)
            except Exception as error:  # the network's own code may raise anything
                raise BadInput(f"the model raises {one_line(error)}") from error
        return Network(inputs, self.inputs, module)

    def make(self, trained: bool) -> nn.Module:
        """Make the network, in evaluation mode.

        Raises:
            BadInput: there is no such network, or the library's code raises.
        """
        import torch

        zoo = ZOOS[self.zoo]
        what = f"{self.zoo}:{self.name}"
        check_installed(zoo.distributions, self.zoo, what)
        names = zoo.names()
        # timm appends the trained variant after a dot; its list of names has the part before the dot.
        if self.name.partition(".")[0] not in names:
            near = difflib.get_close_matches(self.name, names, n=3, cutoff=0.5)
            hint = f": did you mean {' or '.join(near)}?" if near else ""
            raise BadInput(f"{self.zoo} has no network {self.name!r}{hint}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                made: nn.Module = zoo.make(self.name, trained)
            except Exception as error:  # the library's code may raise anything
                raise BadInput(f"{what} cannot be made: {one_line(error)}") from error
        return made.eval()
