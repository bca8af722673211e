"""Turn a test's own model and example input into a case that worker processes can load."""

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
        folder: the folder to write model and inputs into.
        group: the case's id.
        model: a module, an exported program, or the path of a model file.
        inputs: the arguments of an example call; None if the program or the file has its own.
        test_module: the module of the test, whose classes a worker cannot import.

    Raises:
        BadInput: the model is none of these, the inputs have no tensor, the module cannot be pickled, or the file's
            content does not match its ending.
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
    """Return the case of a model file; inputs may be None if the file has fixed shapes."""
    import cloudpickle

    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.model_files import SUFFIXES, FileSource, file_source, order_example
    from pytest_formfunc.forms.programs import ProgramSource, check_program
    from pytest_formfunc.forms.sources import Source

    if path.suffix not in (*SUFFIXES, ".pt2"):
        raise BadInput(f"{path.name} is not a model file: formfunc takes .onnx, .xml and .pt2")
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
    """Return the path of the next file to write for workers."""
    return folder / f"model-{len(list(folder.glob('model-*')))}{suffix}"


def with_calibration(case: Case, folder: Path, calls: Iterable[Any] | None) -> Case:
    """Return the case with calls to calibrate quantisation with, which are written into the folder.

    Raises:
        BadInput: ``calls`` is empty, or one of them has no tensor.
    """
    if calls is None:
        return case
    given = [_read_example(one) for one in calls]
    if not given:
        raise BadInput("calibration contains no calls: leave it out to use random inputs")
    path = _next_path(folder, CALLS)
    write_calls(path, given)
    return replace(case, calibration=str(path))


def _read_example(inputs: Any) -> Inputs:
    """Return the arguments of an example call, with their tensors on the CPU."""
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
    """Pickle module and inputs; classes that a worker could not import are pickled by value."""
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
