"""Copies of a module and its inputs, for calls beside those that are measured.

It is no part of ``forms/``, because another revision's forms run under this one's harness.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
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


def lost_in_export(network: Network) -> float:
    """Return the RMS by which the exported program's outputs differ from the module's, the worst output's.

    Both run in PyTorch, on copies of the example. The program's buffers may change, so this comes after all that reads
    them.

    Returns:
        0 where one of them cannot be run, or has other outputs, which is reported elsewhere.
    """
    import torch
    from torch.utils import _pytree

    worst = 0.0
    with contextlib.suppress(Exception), torch.no_grad(), warnings.catch_warnings():  # both run others' code
        warnings.simplefilter("ignore")
        module, inputs = for_a_trial(network)
        again = network.inputs.map(lambda _, tensor: tensor.clone())
        mine = _pytree.tree_leaves(module(*inputs.args, **inputs.kwargs))
        program = network.program.module()
        theirs = _pytree.tree_leaves(program(*again.args, **again.kwargs))
        for one, other in zip(mine, theirs, strict=True):
            if isinstance(one, torch.Tensor) and one.is_floating_point() and one.shape == other.shape and one.numel():
                error = (one.double() - other.double()).square().mean().sqrt()
                worst = max(worst, float(error)) if error.isfinite() else worst
    return worst
