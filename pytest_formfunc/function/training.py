"""Train small networks on scikit-learn's digits, so that zeros and redundancy of trained weights can be looked at.

1,797 grey images of 8 x 8 pixels, four fifths of them to train on. Each is enlarged four times, so that the patterns'
stem, a patch of four, gives their bodies one position for each pixel.
"""

from __future__ import annotations

import importlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.stats.estimate import Estimate

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES, SIDE = 10, 32
EPOCHS = 12
_BATCH = 64
_LEARNING_RATE = 3e-3
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Digits:
    """Images of digits and what they show, as tensors of shape ``(n, 1, 32, 32)`` and ``(n,)``."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: in evaluation mode.
        accuracy: the share of test images that it names rightly, with its interval.
        seconds: that training took.
    """

    network: nn.Module
    accuracy: Estimate
    seconds: float


def load_digits() -> Digits:
    """Return the digits, always divided alike.

    Raises:
        BadInput: scikit-learn, which has them, is not installed.
    """
    import torch

    try:
        load = importlib.import_module("sklearn.datasets").load_digits
        divide = importlib.import_module("sklearn.model_selection").train_test_split
    except ImportError:
        raise BadInput(
            'the images to train on are part of scikit-learn: pip install "pytest-formfunc[trained]"'
        ) from None
    found = load()
    images = torch.as_tensor(found.images, dtype=torch.float32)[:, None] / 16
    images = torch.nn.functional.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    images = (images - images.mean()) / images.std()
    labels = torch.as_tensor(found.target)
    train, test = divide(range(len(labels)), test_size=0.2, random_state=0, stratify=found.target)
    return Digits(images[train], labels[train], images[test], labels[test])


def train(network: nn.Module, digits: Digits, seed: int = 0, epochs: int = EPOCHS) -> Trained:
    """Train a network and test it: AdamW, one cycle of the learning rate (Smith, arXiv:1803.09820).

    The same seed and number of threads give the same weights; the global random generator is not used.

    Args:
        network: takes images of digits and gives ten numbers for each; changed in place.
        digits: what to train on.
        seed: of the order of images.
        epochs: number of times that each image is shown.
    """
    import torch

    began = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * math.ceil(len(digits.labels) / _BATCH)
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout
        optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
        network.train()
        for _ in range(epochs):
            for chosen in torch.split(torch.randperm(len(digits.labels), generator=generator), _BATCH):
                loss = torch.nn.functional.cross_entropy(network(digits.images[chosen]), digits.labels[chosen])
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return Trained(network, accuracy_of(network, digits), time.perf_counter() - began)


def accuracy_of(network: Any, digits: Digits, batch: int = _BATCH) -> Estimate:
    """Return the share of test images that a network names rightly, with its interval of 95%; ``n`` counts images.

    Args:
        network: takes a batch of images.
        digits: has the images.
        batch: number of images of a call; 1 for a program that was exported so.
    """
    import torch

    with torch.no_grad():
        named = torch.cat([network(images).argmax(1) for images in torch.split(digits.test_images, batch)])
    return share_of(int((named == digits.test_labels).sum()), len(named))


def share_of(hits: int, count: int) -> Estimate:
    """Return a share with Wilson's interval (Wilson, 1927).

    >>> found = share_of(360, 360)
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (1.0, 0.989, 1.0)
    """
    share, z2 = hits / count, _NORMAL_95**2
    center = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _NORMAL_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return Estimate(share, max(0.0, center - half), min(1.0, center + half), 0.95, count)
