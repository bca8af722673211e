"""What was asked for: which tests measure which case on which backends. Built when collection ends."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.benchmark_bridge import SeriesClock
from pytest_formfunc.errors import BadInput

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.built import Inputs
    from pytest_formfunc.run import Run


@dataclass
class TestPlan:
    """One test that measures.

    Attributes:
        group: what its sibling tests, one a backend, have in common; the case's id.
        backend: the backend that this test stands for.
        marker: the checked arguments of its ``formfunc`` markers.
        clock: the timer that pytest-benchmark was given for it.
        siblings: backends of all selected tests of the group; filled in when collection ends.
        run: returns the run that all tests share.
        shares_case: whether tests with other parameters of their own measure the same case of the matrix.
    """

    __test__ = False  # not a test class, whatever its name

    group: str
    backend: str
    marker: dict[str, Any]
    run: Callable[[], Run]
    clock: SeriesClock = field(default_factory=SeriesClock)
    siblings: Sequence[str] = ()
    shares_case: bool = False


def user_case(folder: Path, group: str, model: Any, inputs: Any, test_module: Any) -> Case:
    """Turn a test's own module and example input into a case that workers can load from a folder.

    Raises:
        BadInput: not a ``torch.nn.Module``, no tensor inputs, or a module that cannot be pickled.
    """
    import torch

    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.built import Inputs
    from pytest_formfunc.forms.sources import ModuleSource

    if not isinstance(model, torch.nn.Module):
        raise BadInput(f"formfunc measures a torch.nn.Module or a case, not {type(model).__name__}")
    if isinstance(inputs, dict) and all(isinstance(name, str) for name in inputs):
        given = Inputs((), dict(inputs))
    else:
        given = Inputs(inputs if isinstance(inputs, tuple) else (inputs,))
    if not given.tensors:
        raise BadInput(
            "formfunc needs the model's example input: a tensor, a tuple of arguments with tensors among them, "
            "or a dict of named ones"
        )
    path = folder / f"model-{len(list(folder.glob('model-*')))}.pickle"
    inputs_path = path.with_suffix(".inputs")
    _pickle((model, given.map(lambda _, tensor: tensor.detach().cpu())), path, inputs_path, test_module)
    shape = tuple(given.tensors[0].shape)
    return Case(
        id=group,
        form={"kind": "model", "name": type(model).__name__},
        source=ModuleSource(str(path), str(inputs_path)),
        input_shape=shape,
        seed=0,
    )


def _pickle(pair: tuple[Any, Inputs], path: Path, inputs_path: Path, test_module: Any) -> None:
    """Write module and inputs; classes that a worker could not import travel by value."""
    import cloudpickle

    model, inputs = pair
    names = {type(part).__module__ for part in model.modules()}
    by_value = [
        sys.modules[name]
        for name in names
        if name in sys.modules and (sys.modules[name] is test_module or not _importable(name))
    ]
    for module in by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        path.write_bytes(cloudpickle.dumps(model))
        inputs_path.write_bytes(cloudpickle.dumps(inputs))
    except Exception as error:  # pickling runs the user's code
        raise BadInput(f"the model cannot be sent to its worker process: {type(error).__name__}: {error}") from error
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False
