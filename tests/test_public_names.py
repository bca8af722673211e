"""What `import pytest_formfunc` offers, and what it does not load."""

import importlib.metadata
import subprocess
import sys
from importlib import import_module

import pytest

import pytest_formfunc

NEEDS_TORCH = {"Block"}  # a subclass of torch.nn.Module


@pytest.mark.parametrize("name", sorted(set(pytest_formfunc.__all__) - NEEDS_TORCH))
def test_every_public_name_is_there(name):
    """Each is the object of the module that it is defined in."""
    found = getattr(pytest_formfunc, name)
    assert name in dir(pytest_formfunc)
    if name != "__version__":
        assert found.__name__ == name
        assert found is getattr(import_module(found.__module__), name)


@pytest.mark.engine
def test_a_pattern_of_ones_own_is_made_of_a_public_name():
    """It loads torch, when it is asked for."""
    from pytest_formfunc import Block
    from pytest_formfunc.forms.block import Block as same

    assert Block is same


def test_an_unknown_name_is_an_attribute_error():
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Blocks'"):
        _ = pytest_formfunc.Blocks


def test_importing_the_package_loads_nothing_heavy():
    """Neither torch nor an engine nor numpy, and none of its own modules."""
    code = "import sys, pytest_formfunc; print([name for name in sys.modules if name.startswith(('torch', 'openvino', 'numpy', 'pytest_formfunc.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_distribution():
    """It stands in one place."""
    assert pytest_formfunc.__version__ == importlib.metadata.version("pytest-formfunc")
