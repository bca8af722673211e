"""What may make a network faster: a lint is one file here and one line of the table.

Each changes a network's exported graph, and nothing is said of it before the changed network has been built and timed
beside the network as it is (`run/advising.py`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_formfunc.registry import Table


@dataclass(frozen=True)
class LintEntry:
    """A lint.

    Attributes:
        name: its name in reports and records.
        target: ``module:function``, the module relative to this package. The function takes a ``torch.fx.GraphModule``
            of ATen operators with its weights, changes it, and returns at how many places.
        advice: what was changed, in the words of the report; ``{count}`` is the number of places.
        exact: whether the changed network computes the same up to rounding; otherwise it has to be trained anew.
    """

    name: str
    target: str
    advice: str
    exact: bool = True

    def load(self) -> Callable[[Any], int]:
        """Import its file and return the function."""
        module, _, attribute = self.target.partition(":")
        found: Callable[[Any], int] = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return found


LINTS = Table(
    "lint",
    [
        LintEntry(
            "batch-norm", "batch_norm:fold", "{count} batch normalisations folded into the convolutions before them"
        ),
        LintEntry(
            "channels",
            "channels:pad",
            "{count} tensors widened with channels of zeros to multiples of 16, where kernels' steps lie",
        ),
        LintEntry(
            "attention",
            "attention:fuse",
            "{count} attentions written as scaled_dot_product_attention in place of products and a softmax",
        ),
        LintEntry("groups", "groups:make_dense", "{count} grouped convolutions made dense, with zeros between groups"),
        LintEntry(
            "activation",
            "activation:replace",
            "{count} activations replaced by ReLU, which every engine computes with the product before it",
            exact=False,
        ),
    ],
)
