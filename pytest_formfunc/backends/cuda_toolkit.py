"""CUDA's toolkit, whose headers and libraries Inductor's code for the host is built with.

Torch's own packages have the libraries that run a model, and neither ``cuda.h`` nor what ``-lcuda`` links with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

USUAL = Path("/usr/local/cuda")
_DRIVER = "libcuda.so"


def find_toolkit() -> Path | None:
    """Return the folder of the toolkit that torch would use, or None.

    The order is that of ``torch.utils.cpp_extension``: CUDA_HOME, CUDA_PATH, where ``nvcc`` is, the usual place.
    """
    if named := os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH"):
        return Path(named)
    if compiler := shutil.which("nvcc"):
        return Path(compiler).parent.parent
    return USUAL if USUAL.exists() else None


def why_no_toolkit(compiler: str) -> str | None:
    """Return a clause that says what of the toolkit is missing, or None.

    Args:
        compiler: the C++ compiler, which is asked where it looks for libraries.
    """
    toolkit = find_toolkit()
    how = "install CUDA's toolkit, or name it by CUDA_HOME"
    if toolkit is None:
        return f"Inductor needs CUDA's toolkit and finds none: {how}"
    places = [toolkit / "include", Path("/usr/include")]
    if more := os.environ.get("CUDA_INC_PATH"):
        places.append(Path(more))
    if not any((place / "cuda.h").exists() for place in places):
        return f"Inductor needs CUDA's headers, and {toolkit} has no include/cuda.h: {how}"
    if not _has_driver_library(toolkit):
        found = subprocess.run(
            [compiler, f"-print-file-name={_DRIVER}"], capture_output=True, text=True, check=False, timeout=60
        ).stdout.strip()
        if not os.path.isabs(found):  # a compiler that finds none prints the name as it was given
            return f"Inductor links with {_DRIVER}, and neither {toolkit} nor {compiler} has it: {how}"
    return None


def _has_driver_library(toolkit: Path) -> bool:
    """Return whether torch finds it there: in ``lib64`` or ``lib``, or in ``stubs`` beside ``libcudart_static.a``."""
    libraries = next((toolkit / name for name in ("lib64", "lib") if (toolkit / name).exists()), toolkit / "lib64")
    static = [*libraries.glob("libcudart_static.a"), *libraries.glob("*/libcudart_static.a")]
    places = [libraries, *(file.parent for file in static), *(file.parent / "stubs" for file in static)]
    return any((place / _DRIVER).exists() for place in places)


def name_toolkit() -> None:
    """Set CUDA_HOME in this process to the toolkit, since torch looks for what ``-lcuda`` links with only then."""
    if (toolkit := find_toolkit()) is not None:
        os.environ["CUDA_HOME"] = str(toolkit)
