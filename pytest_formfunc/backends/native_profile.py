"""Times of native's operators: its exported program, run node by node."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends.profiling import Profiler
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.function.layers import Step
from pytest_formfunc.function.program_operators import operators_of
from pytest_formfunc.stats import median

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs


class NativeProfiler(Profiler):
    """An interpreter of the exported program that times each call of an operator."""

    source = "the exported program, run node by node in PyTorch"

    def __init__(self, program: Any, arguments: Inputs, lay_out: Callable[[Any], Any] | None = None) -> None:
        """Make the interpreter.

        Args:
            program: a ``torch.export.ExportedProgram``.
            arguments: of the call.
            lay_out: returns a weight in the layout that native has it in; None for as it is.

        Raises:
            MeasurementError: the program branches, so that it has no list of operators.
        """
        import torch
        from torch.export._tree_utils import reorder_kwargs
        from torch.utils._pytree import tree_leaves

        if any("higher_order" in str(type(node.target)).lower() for node in program.graph.nodes):
            raise MeasurementError("its exported program branches, and is no list of operators")
        self._program, self._arguments, self._torch = program, arguments, torch
        self._spent: dict[str, list[int]] = defaultdict(list)
        spent = self._spent

        class Timed(torch.fx.Interpreter):
            """Times calls of operators."""

            def run_node(self, n: Any) -> Any:
                if n.op != "call_function":
                    return super().run_node(n)
                args, kwargs = self.fetch_args_kwargs_from_env(n)
                operator: Any = n.target
                started = time.perf_counter_ns()
                result = operator(*args, **kwargs)
                spent[n.name].append(time.perf_counter_ns() - started)
                return result

        module = program.module()
        if lay_out is not None:
            for tensor in (*module.parameters(), *module.buffers()):
                tensor.data = lay_out(tensor.data)
        kwargs = reorder_kwargs(dict(arguments.kwargs), program.call_spec.in_spec)
        self._flat = tree_leaves((arguments.args, kwargs))
        self._interpreter: Any = Timed(module)

    def call(self) -> Any:
        """Run all operators once, as native does: without gradients."""
        with self._torch.inference_mode():
            return self._interpreter.run(*self._flat, enable_io_processing=False)

    def steps(self) -> list[Step]:
        """Return a step for each operator."""
        return [Step(one.name, one.kind, (one.name,), one.is_product) for one in operators_of(self._program)]

    def times_s(self) -> Mapping[str, float]:
        """Return the median of all calls, of each operator."""
        return {name: median(spent) / 1e9 for name, spent in self._spent.items()}
