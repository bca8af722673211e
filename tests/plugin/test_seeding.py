"""Seeding the generators that a test's model may draw from."""

import random

import pytest

pytestmark = pytest.mark.engine


def test_all_generators_start_again():
    """Python's, numpy's and PyTorch's."""
    import numpy as np
    import torch

    from pytest_formfunc.plugin.seeding import seed_everything

    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    seed_everything(3)
    first, second = draw(), draw()
    seed_everything(3)
    assert draw() == first
    assert first != second
    seed_everything(2**40 + 4)
    assert draw() != first


def test_a_seed_that_is_given_makes_a_tests_weights_the_same_each_run(project):
    """By the ini key or the option; without one a test draws as it always did."""
    project.write(
        "test_net.py",
        "import torch\n\ntorch.manual_seed(torch.seed())\n\n\ndef test_net(formfunc):\n    with open('weights.txt', 'a') as file:\n"
        "        print(torch.nn.Linear(2, 2).weight.sum().item(), file=file)\n",
    )
    for _ in range(2):
        project.pytest("--formfunc-seed", "5")
    project.write("pytest.ini", "[pytest]\nformfunc_seed = 5\n")
    project.pytest()
    project.write("pytest.ini", "[pytest]\n")
    project.pytest()
    one, same, by_key, other = (project.folder / "weights.txt").read_text().split()
    assert one == same == by_key != other
