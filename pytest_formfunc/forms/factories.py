"""A user's function that makes the model: ``pkg.mod:factory`` or ``pkg.mod:factory(width=0.5, name='x')``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.forms.input_specs import Call
from pytest_formfunc.forms.made import MadeSource

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Network


def parse_factory(text: str) -> tuple[str, str]:
    """Split a factory's text into ``package.module:function`` and its arguments in brackets, which may be empty.

    Raises:
        BadInput: the text is malformed, or the arguments are not literals by keyword.

    >>> parse_factory("nets:build(width=0.5)")
    ('nets:build', '(width=0.5)')
    """
    target, bracket, rest = text.partition("(")
    module_name, colon, attribute = target.partition(":")
    names = [*module_name.split("."), attribute]
    if not colon or not all(name.isidentifier() for name in names):
        raise BadInput(f"a factory is given as package.module:function, not {text!r}")
    arguments = bracket + rest
    read_arguments(text, arguments)
    return target, arguments


def read_arguments(text: str, arguments: str) -> dict[str, Any]:
    """Read ``(width=0.5, name='x')`` with Python's parser; only literals are accepted, and nothing is executed.

    Args:
        text: the whole text, for messages.
        arguments: the part in brackets, with the brackets; may be empty.

    Raises:
        BadInput: it is anything else.
    """
    advice = "give its arguments by keyword, as Python literals: (width=0.5, name='x')"
    try:
        call = ast.parse(f"f{arguments or '()'}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError
        return {_keyword(one): ast.literal_eval(one.value) for one in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError):
        raise BadInput(f"factory {text!r} is malformed: {advice}") from None


def _keyword(one: ast.keyword) -> str:
    if one.arg is None:
        raise ValueError("a double star")
    return one.arg


@dataclass(frozen=True)
class FactorySource(MadeSource):
    """A user's function ``package.module:factory`` that returns a module.

    Attributes:
        target: the function, as ``package.module:factory``.
        call: what the model is called with.
        seed: torch is seeded with it before the function is called; the inputs depend on it too.
        arguments: the function's arguments as text, ``(width=0.5)``; may be empty.
    """

    target: str
    call: Call
    seed: int = 0
    arguments: str = ""

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        return (self.target + self.arguments).replace(":", ".")

    def build(self) -> Network:
        """Make the network with the factory's own weights, drawn after torch is seeded.

        Raises:
            BadInput: the target cannot be imported or called, or does not return a module.
        """
        from pytest_formfunc.forms.built import Network

        return Network(self.inputs(self.seed), self.inputs, self.make(trained=False))

    def make(self, trained: bool) -> nn.Module:
        """Make the module, in evaluation mode; ``trained`` has no effect, because the function sets the weights."""
        del trained
        import torch
        from torch import nn

        factory = self._find_factory()
        arguments = read_arguments(self.target + self.arguments, self.arguments)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                made = factory(**arguments)
            except Exception as error:  # the user's code may raise anything
                raise BadInput(f"{self.target}{self.arguments} raised {one_line(error)}") from error
        if isinstance(made, tuple | list) and any(isinstance(one, nn.Module) for one in made):
            raise BadInput(f"{self.target} must return one torch.nn.Module, not {len(made)} things")
        if not isinstance(made, nn.Module):
            raise BadInput(f"{self.target} must return a torch.nn.Module, not {type(made).__name__}")
        return made.eval()

    def _find_factory(self) -> Any:
        parse_factory(self.target)
        module_name, _, attribute = self.target.partition(":")
        try:
            module = import_module(module_name)
        except Exception as error:  # importing runs the user's code, which may raise anything
            raise BadInput(f"module {module_name} of {self.target} does not import: {one_line(error)}") from error
        if not hasattr(module, attribute):
            raise BadInput(f"module {module_name} has no {attribute!r}")
        factory = getattr(module, attribute)
        if not callable(factory):
            raise BadInput(f"{self.target} is not a function but {type(factory).__name__}")
        return factory
