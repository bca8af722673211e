"""Seed every random generator that a test's model may draw from."""

from __future__ import annotations

import random
import sys


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and PyTorch's generators; a library that is not imported yet is left alone."""
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed % 2**32)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)
