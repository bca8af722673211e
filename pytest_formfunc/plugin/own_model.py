"""Turn a test's own model and example input into a case that worker processes can load."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.calibration import CALLS, write_calls
from pytest_formfunc.errors import BadInput

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.built import Inputs


@dataclass(frozen=True)
class Arguments:
    """What a test gave beside its model.

    Attributes:
        inputs: the arguments of an example call: a tensor, a tuple, or a dict of named ones; None if there are none.
        kwargs: named arguments beside positional ones.
        others: arguments of further calls, each like ``inputs``, to compare outputs for.
        calibration: arguments of further calls, to quantise with; None for random ones.
    """

    inputs: Any = None
    kwargs: dict[str, Any] | None = None
    others: Iterable[Any] | None = None
    calibration: Iterable[Any] | None = None

    def calls(self) -> tuple[Inputs, ...]:
        """Return the example call and the others, with their tensors on the CPU.

        Raises:
            BadInput: one has no tensor, or another one differs from the example in shapes, types or names.
        """
        example = _read_example(self.inputs, self.kwargs)
        others = [] if self.others is None else self._like(example, self.others, "others")
        return (example, *others)

    def _like(self, example: Inputs, calls: Iterable[Any], what: str) -> list[Inputs]:
        if hasattr(calls, "shape") or isinstance(calls, dict):
            raise BadInput(f"{what} must be a list of inputs, each like the example: {what}=[x2, x3]")
        given = []
        for number, call in enumerate(calls, 1):
            one = _read_example(call, self.kwargs if not isinstance(call, dict) or example.args else None)
            if _shapes_of(one) != _shapes_of(example):
                raise BadInput(
                    f"input {number} of {what} must have the shapes, types and names of the example: it has "
                    f"{_words(one)}, and the example {_words(example)}"
                )
            given.append(one)
        return given


def user_case(folder: Path, group: str, model: Any, given: Arguments, test_module: Any) -> Case:
    """Turn a test's own model and example input into a case that workers can load from a folder.

    Args:
        folder: the folder to write model and inputs into.
        group: the case's id.
        model: a module, an exported program, or the path of a model file.
        given: the arguments of calls; without an example if the program or the file has its own.
        test_module: the module of the test, whose classes a worker cannot import.

    Raises:
        BadInput: the model is none of these, the inputs have no tensor, the module cannot be pickled, or the file's
            content does not match its ending.
    """
    import torch

    from pytest_formfunc.cases import Case
    from pytest_formfunc.forms.modules import SCRIPT, ModuleSource

    if isinstance(model, str | Path):
        return _file_case(folder, group, Path(model).absolute(), given)
    if isinstance(model, torch.export.ExportedProgram):
        path = _next_path(folder, "") / "program.pt2"  # its name is part of its artifacts' key
        path.parent.mkdir()
        torch.export.save(model, path)
        return _file_case(folder, group, path, given, "ExportedProgram")
    if not isinstance(model, torch.nn.Module):
        raise BadInput(
            "formfunc measures a torch.nn.Module, an exported program, the path of a .onnx, .xml or .pt2 file, or a "
            f"case, not {type(model).__name__}"
        )
    calls = given.calls()
    scripted = isinstance(model, torch.jit.ScriptModule)
    name = getattr(model, "original_name", "") if scripted else type(model).__name__
    path = _next_path(folder, SCRIPT if scripted else ".pickle", name or "model")
    inputs_path = path.with_suffix(".inputs")
    _pickle((model, calls), path, inputs_path, test_module)
    return Case(
        id=group,
        form={"kind": "model", "name": name or type(model).__name__},
        source=ModuleSource(str(path), str(inputs_path)),
        input_shape=tuple(calls[0].tensors[0].shape),
        seed=0,
        of_a_test=True,
    )


def _file_case(folder: Path, group: str, path: Path, given: Arguments, name: str = "") -> Case:
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
    if given.inputs is not None or given.kwargs:
        calls = given.calls()
        shape = tuple(calls[0].tensors[0].shape)
        calls = calls if path.suffix == ".pt2" else tuple(order_example(path, one) for one in calls)
        inputs_path = str(_next_path(folder, ".inputs"))
        Path(inputs_path).write_bytes(cloudpickle.dumps(calls))
    elif given.others is not None:
        raise BadInput(f"others are compared beside an example: give {path.name} its example input too")
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


def _next_path(folder: Path, suffix: str, name: str = "model") -> Path:
    """Return the path of the next file to write for workers."""
    return folder / f"{name}-{len(list(folder.iterdir()))}{suffix}"


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


def _read_example(inputs: Any, kwargs: dict[str, Any] | None = None) -> Inputs:
    """Return the arguments of an example call, with their tensors on the CPU; arrays become tensors."""
    from torch.utils import _pytree

    from pytest_formfunc.forms.built import Inputs

    if kwargs is not None and not (isinstance(kwargs, dict) and all(isinstance(name, str) for name in kwargs)):
        raise BadInput("kwargs must be a dict of named arguments: formfunc(model, x, kwargs={'mask': mask})")
    if isinstance(inputs, dict) and all(isinstance(name, str) for name in inputs) and not kwargs:
        given = Inputs((), dict(inputs))
    elif inputs is None and kwargs:
        given = Inputs((), dict(kwargs))
    else:
        given = Inputs(inputs if isinstance(inputs, tuple) else (inputs,), dict(kwargs or {}))
    args, named = _pytree.tree_map(_as_tensor, (given.args, given.kwargs))
    given = Inputs(args, named)
    if not given.tensors:
        raise BadInput(
            "formfunc needs the model's example input: a tensor, a tuple of arguments with tensors among them, "
            "or a dict of named ones"
        )
    return given.map(lambda _, tensor: tensor.detach().cpu())


def _as_tensor(leaf: Any) -> Any:
    """Return an array as a tensor, which a network written in PyTorch takes; anything else as it is."""
    import numpy as np
    import torch

    if not isinstance(leaf, np.ndarray):
        return leaf
    try:
        return torch.from_numpy(leaf if leaf.flags.writeable else leaf.copy())
    except (TypeError, ValueError):  # a type that torch lacks, or negative strides
        pass
    try:
        return torch.from_numpy(np.array(leaf))
    except TypeError:
        raise BadInput(f"the example has an array of {leaf.dtype}, a type that PyTorch has no tensors of") from None


def _shapes_of(call: Inputs) -> tuple[Any, ...]:
    return ([(tuple(one.shape), one.dtype) for one in call.tensors], list(call.kwargs))


def _words(call: Inputs) -> str:
    tensors = ", ".join(f"{'x'.join(map(str, one.shape)) or 'a scalar'} {str(one.dtype)[6:]}" for one in call.tensors)
    return tensors + (f" (named: {', '.join(call.kwargs)})" if call.kwargs else "")


def _pickle(pair: tuple[Any, tuple[Inputs, ...]], path: Path, inputs_path: Path, test_module: Any) -> None:
    """Pickle module and inputs; classes that a worker could not import are pickled by value."""
    import cloudpickle
    import torch

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
        if isinstance(model, torch.jit.ScriptModule):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch calls TorchScript deprecated; the module is the user's
                torch.jit.save(model, path)
        else:
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
