"""A test's own model and example input, written down as a case that worker processes can load."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.calibration import CALLS, write_calls
from pytest_formfunc.errors import BadInput

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.built import Inputs


def user_case(folder: Path, group: str, model: Any, inputs: Any, test_module: Any) -> Case:
    """Turn a test's own model and example input into a case that workers can load from a folder.

    Args:
        folder: for what has to be written down.
        group: the case's id.
        model: a module, an exported program, or the path of a model file.
        inputs: an example call's arguments; None where the program or the file knows its own.
        test_module: the test's, whose classes no worker could import.

    Raises:
        BadInput: none of these, no tensor inputs, a module that cannot be pickled, or a file that is not what its
            ending says.
    """
    import torch

    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.modules import ModuleSource

    if isinstance(model, str | Path):
        return _file_case(folder, group, Path(model).absolute(), inputs)
    if isinstance(model, torch.export.ExportedProgram):
        path = _next_path(folder, ".pt2")
        torch.export.save(model, path)
        return _file_case(folder, group, path, inputs, "ExportedProgram")
    if not isinstance(model, torch.nn.Module):
        raise BadInput(
            "formfunc measures a torch.nn.Module, an exported program, the path of a .onnx, .xml or .pt2 file, or a "
            f"case, not {type(model).__name__}"
        )
    given = _read_example(inputs)
    path = _next_path(folder, ".pickle")
    inputs_path = path.with_suffix(".inputs")
    _pickle((model, given), path, inputs_path, test_module)
    return Case(
        id=group,
        form={"kind": "model", "name": type(model).__name__},
        source=ModuleSource(str(path), str(inputs_path)),
        input_shape=tuple(given.tensors[0].shape),
        seed=0,
        of_a_test=True,
    )


def _file_case(folder: Path, group: str, path: Path, inputs: Any, name: str = "") -> Case:
    """Return the case of a model file; inputs may be left out where the file knows its shapes."""
    import cloudpickle

    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.model_files import SUFFIXES, FileSource, file_source, order_example
    from pytest_formfunc.forms.programs import ProgramSource, check_program
    from pytest_formfunc.forms.sources import Source

    if path.suffix not in (*SUFFIXES, ".pt2"):
        raise BadInput(f"{path.name} is no model file: formfunc takes .onnx, .xml and .pt2")
    if not path.is_file():
        raise BadInput(f"there is no file {path}")
    inputs_path = ""
    shape: tuple[int, ...] = ()
    if path.suffix == ".pt2":
        check_program(path)
    if inputs is not None:
        given = _read_example(inputs)
        shape = tuple(given.tensors[0].shape)
        given = given if path.suffix == ".pt2" else order_example(path, given)
        inputs_path = str(_next_path(folder, ".inputs"))
        Path(inputs_path).write_bytes(cloudpickle.dumps(given))
    source: Source
    if path.suffix == ".pt2":
        source = ProgramSource(str(path), inputs_path=inputs_path)
    elif inputs_path:
        source = FileSource(str(path), inputs_path=inputs_path)
    else:
        source = file_source(path, (), 0)
        shape = source.call[0].shape if source.call else ()
    form = {"kind": "model", "name": name or path.name}
    return Case(id=group, form=form, source=source, input_shape=shape, seed=0, of_a_test=True)


def _next_path(folder: Path, suffix: str) -> Path:
    """Return where the next thing that a worker is to load is written down."""
    return folder / f"model-{len(list(folder.glob('model-*')))}{suffix}"


def with_calibration(case: Case, folder: Path, calls: Iterable[Any] | None) -> Case:
    """Return the case with calls to calibrate quantisation with, written into the folder; each is like the example.

    Raises:
        BadInput: there are none, or one is no call's arguments.
    """
    if calls is None:
        return case
    given = [_read_example(one) for one in calls]
    if not given:
        raise BadInput("calibration has no calls in it: leave it out, and inputs are drawn")
    path = _next_path(folder, CALLS)
    write_calls(path, given)
    return replace(case, calibration=str(path))


def _read_example(inputs: Any) -> Inputs:
    """Return an example call's arguments, their tensors on the CPU."""
    from pytest_formfunc.forms.built import Inputs

    if isinstance(inputs, dict) and all(isinstance(name, str) for name in inputs):
        given = Inputs((), dict(inputs))
    else:
        given = Inputs(inputs if isinstance(inputs, tuple) else (inputs,))
    if not given.tensors:
        raise BadInput(
            "formfunc needs the model's example input: a tensor, a tuple of arguments with tensors among them, "
            "or a dict of named ones"
        )
    return given.map(lambda _, tensor: tensor.detach().cpu())


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
