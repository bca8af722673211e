"""Copies of a module and its inputs, for calls beside those that are measured.

It is no part of ``forms/``, because another revision's forms run under this one's harness.
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs, Network


def for_a_trial(network: Network) -> tuple[Any, Inputs]:
    """Return module and inputs for a call that must not change what is measured.

    They are copies. A module that makes its parameters in its first call, or that cannot be copied, is itself.
    """
    from torch.nn.parameter import is_lazy

    module = network.module
    if not any(map(is_lazy, (*module.parameters(), *module.buffers()))):
        with contextlib.suppress(Exception):  # copying runs the user's code
            module = copy.deepcopy(module)
    return module, network.inputs.map(lambda _, tensor: tensor.clone())
