"""Call the hooks by which conftest.py files and plugins add patterns, architectures and backends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.extensions import KINDS, Kind, Offer

if TYPE_CHECKING:
    import pytest


def hook_offers(config: pytest.Config, early: Collection[Any]) -> Iterator[Offer]:
    """Yield what each hook returns, in the order in which the plugins were registered.

    Args:
        config: pytest's configuration.
        early: the plugins that were registered before options were checked; only their hooks are called.

    Raises:
        BadInput: a hook raises an exception; the message names its file or plugin.
    """
    manager = config.pluginmanager
    for kind in KINDS:
        plugins = [impl.plugin for impl in getattr(config.hook, kind.hook).get_hookimpls()]
        for plugin in plugins:
            if not any(plugin is one for one in early):
                continue
            others = [other for other in plugins if other is not plugin]
            who = _name(config, kind, plugin)
            try:
                (given,) = manager.subset_hook_caller(kind.hook, others)(config=config) or [()]
            except Exception as error:  # the author's code may raise anything
                raise BadInput(f"{who} raises {one_line(error)}") from error
            yield Offer(kind, who, given)


def refuse_late_hooks(config: pytest.Config, early: Collection[Any]) -> None:
    """Refuse hooks that were registered after options had been checked.

    Raises:
        BadInput: there is one, in a conftest.py below the folders that were named on the command line.
    """
    for kind in KINDS:
        for impl in getattr(config.hook, kind.hook).get_hookimpls():
            if not any(impl.plugin is one for one in early):
                raise BadInput(
                    f"{_name(config, kind, impl.plugin)} is registered too late, after options were checked: name its "
                    "folder on the command line, or move it to the conftest.py of the root folder"
                )


def _name(config: pytest.Config, kind: Kind, plugin: Any) -> str:
    name = str(config.pluginmanager.get_name(plugin))
    root = f"{config.rootpath}/"
    return f"hook {kind.hook} of {name.removeprefix(root)}"
