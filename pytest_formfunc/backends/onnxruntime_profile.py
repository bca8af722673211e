"""Times of ONNX Runtime's nodes, by its own profile."""

from __future__ import annotations

import ast
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends.onnx_graph import kernel_of
from pytest_formfunc.backends.onnxruntime import OnnxRuntimeEngine
from pytest_formfunc.backends.profiling import Profiler
from pytest_formfunc.function.layers import Step
from pytest_formfunc.function.program_operators import operators_of, origins_of
from pytest_formfunc.stats import median

if TYPE_CHECKING:
    import numpy as np

    from pytest_formfunc.forms.sources import Source

_PRODUCTS = ("Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "Attention",
             "MultiHeadAttention", "MatMulNBits", "QLinearConv", "MatMulInteger")  # fmt: skip
_SUFFIX = "_kernel_time"


class _Profiled(OnnxRuntimeEngine):
    """The same engine, that writes its profile and the model as it is executed into a folder."""

    folder = ""

    def _options(self, threads: int) -> Any:
        options = super()._options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = f"{self.folder}/profile"
        options.optimized_model_filepath = f"{self.folder}/optimised.onnx"
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", "optimised.onnx.data"
        )
        return options


class OnnxRuntimeProfiler(Profiler):
    """A session that writes its profile; it ends when that is read."""

    source = "ONNX Runtime's profile"
    resolution_s = 1e-6

    def __init__(
        self,
        engine: OnnxRuntimeEngine,
        source: Source,
        artifact: Path,
        arrays: tuple[np.ndarray[Any, Any], ...],
        program: Any,
    ) -> None:
        """Load the model once more.

        Args:
            engine: how it is executed.
            source: of the network.
            artifact: the ONNX file.
            arrays: the inputs.
            program: the ``torch.export.ExportedProgram`` that it was exported from; None for a file of the user's.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="formfunc-onnx-")
        self._engine = type("Profiled", (_Profiled, type(engine)), {"folder": self._folder.name})(engine.threads)
        self._engine.load(source, artifact)
        self._engine.set_inputs(arrays)
        self._artifact, self._program = artifact, program

    def call(self) -> Any:
        """Run the session once."""
        return self._engine.call()

    def steps(self) -> list[Step]:
        """Return the nodes of the optimised model."""
        import onnx

        before = onnx.load(self._artifact, load_external_data=False).graph
        after = onnx.load(Path(self._folder.name, "optimised.onnx"), load_external_data=False).graph
        named = _operators_by_name(before, self._program)
        readers: dict[str, str] = {}
        for node in after.node:
            for name in node.input:
                readers.setdefault(name, _name(node))
        found = []
        for node in after.node:
            names = [*_stems(node.name), *node.output]
            operators = tuple(dict.fromkeys([named[name] for name in names if name in named][:1]))
            reader = "" if operators else next((readers[one] for one in node.output if one in readers), "")
            found.append(
                Step(
                    _name(node), kernel_of(node), operators, node.op_type in _PRODUCTS,
                    layout="nchwc" if "nchwc" in node.domain else "", before=reader,
                )
            )  # fmt: skip
        return list({step.name: step for step in found}.values())

    def times_s(self) -> Mapping[str, float]:
        """Return the medians of all calls; the session ends with this."""
        spent: dict[str, list[int]] = defaultdict(list)
        calls = 0
        for event in json.loads(Path(self._engine.end_profile()).read_text()):
            calls += event["name"] == "model_run"
            if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX):
                spent[event["name"].removesuffix(_SUFFIX)].append(int(event["dur"]))
        # A node's name may be that of several, or one may run several times in a call.
        return {name: median(times) * len(times) / calls / 1e6 for name, times in spent.items()}


def _stems(name: str) -> Iterator[str]:
    """Yield a name, and what it was before ONNX Runtime fused and laid it out.

    As of ``getitem_3_bn_nchwc`` and ``node_MatMul_20/MatMulAddFusion``.
    """
    yield name
    name = name.partition("/")[0]
    yield name
    while "_" in name and not name.rpartition("_")[2].isdigit():
        name = name.rpartition("_")[0]
        yield name


def _name(node: Any) -> str:
    return str(node.name or node.op_type)


def _operators_by_name(graph: Any, program: Any) -> dict[str, str]:
    """Return the exported operator of each node and of each output of an ONNX graph, where that is known.

    The exporter writes the node of the decomposed program, and its module, to each node. That program is decomposed
    again here; a node counts if its module is the same.
    """
    if program is None:
        return {}
    origins = origins_of(program.run_decompositions())
    modules = {one.name: one.module for one in operators_of(program)}
    in_module: dict[str, list[str]] = defaultdict(list)
    for name, module in modules.items():
        in_module[module].append(name)
    found: dict[str, str] = {}
    for node in graph.node:
        scopes = [one.value for one in node.metadata_props if one.key == "pkg.torch.onnx.name_scopes"]
        if not scopes:
            continue
        module, decomposed = ["", "", *ast.literal_eval(scopes[0])][-2:]
        # What the exporter decomposes itself has the name that it had before.
        origin = decomposed if modules.get(decomposed) == module else origins.get(decomposed, "")
        if modules.get(origin) != module:
            only = in_module.get(module, [])
            origin = only[0] if len(only) == 1 else ""
        if origin:
            found |= dict.fromkeys([node.name, *node.output], origin)
    return found
