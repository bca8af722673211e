"""Import torchvision even where its compiled part does not load, as with a different build of torch.

Its classification networks, and timm, need its Python part only. On import that part registers shape functions for two
operators of the compiled part, and fails where they are missing: "operator torchvision::nms does not exist".
``torch.library`` is torch's documented way to define an operator; with the two schemas defined, even without kernels,
the import succeeds. Detection networks, which call these operators, still cannot run.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[Any] = []  # an operator exists only as long as the library object that defined it


def import_torchvision() -> Any:
    """Return torchvision, after defining its missing operators if needed.

    Raises:
        ImportError: it is not installed.
        Exception: whatever else its import raises.
    """
    if "torchvision" not in sys.modules and not _compiled_part_loads():
        import torch

        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            library.define(schema)
        _kept.append(library)
    import torchvision

    return torchvision


def _compiled_part_loads() -> bool:
    """Load the compiled part as torchvision does; a second time costs nothing."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("torchvision is not installed")
    try:
        for path in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
            return True
    except OSError:
        pass
    return False
