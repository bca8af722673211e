"""List what is installed in the environment of the Python that runs this file, and print it as JSON.

Any environment's Python runs it, so it imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import site
import sys
import sysconfig
from typing import Any

# Files that say how a distribution was installed, not what it does; a script names its environment's Python.
_ABOUT = (".dist-info", ".pyc", "../")


def list_environment() -> dict[str, Any]:
    """Return the interpreter, the distributions with their files, and what else is on the import path."""
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    standard |= {os.path.join(path, "lib-dynload") for path in standard}
    entries = [entry for entry in sys.path if os.path.isdir(entry) and entry not in standard]
    sites = [entry for entry in entries if _is_site(entry)]
    distributions = _distributions(entries)
    by_site: dict[str, set[str]] = {entry: set() for entry in sites}
    for one in distributions.values():
        by_site.setdefault(one["root"], set()).update(file.partition("/")[0] for file in one["files"])
    editable, imports = _paths_and_imports(sites, by_site)
    return {
        "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
        "version": list(sys.version_info[:3]),
        "distributions": distributions,
        "loose": _loose(sites, by_site),
        "folders": [entry for entry in entries if entry not in sites and entry not in editable],
        "imports": imports,
    }


def _is_site(entry: str) -> bool:
    """Return whether packages are installed into a folder of the import path, rather than developed there."""
    return os.path.basename(entry) in ("site-packages", "dist-packages") or entry in site.getsitepackages()


def _distributions(entries: list[str]) -> dict[str, dict[str, Any]]:
    """Return the distributions by their normalized names: of several with one name the first, as imports take it."""
    found: dict[str, dict[str, Any]] = {}
    started = set(site.getsitepackages()) | {site.getusersitepackages()}  # whose .pth files Python obeys
    for entry in entries:
        for one in importlib.metadata.distributions(path=[entry]):
            name = one.metadata["Name"]
            if not name or (key := re.sub(r"[-_.]+", "-", name).lower()) in found:
                continue
            listed = one.read_text("RECORD") is not None
            files = [str(file) for file in one.files or ()] if listed else []
            hashes = [f"{file} {file.hash.value}" for file in one.files or () if listed and file.hash]
            content = sorted(line for line in hashes if not any(part in line for part in _ABOUT))
            found[key] = {
                "name": name,
                "version": one.version,
                "root": entry,
                "files": [file for file in files if entry in started or not file.endswith(".pth")],
                "digest": hashlib.sha256("\n".join(content).encode()).hexdigest(),
                "requires": [line for line in one.requires or () if "extra ==" not in line],
                "listed": listed,
            }
    return found


def _paths_and_imports(sites: list[str], owned: dict[str, set[str]]) -> tuple[set[str], list[str]]:
    """Return the folders that distributions add by their .pth files, and the lines of other .pth files that import."""
    paths, imports = set(), []
    for entry in sites:
        for name in sorted(os.listdir(entry)):
            if not name.endswith(".pth"):
                continue
            with open(os.path.join(entry, name), encoding="utf-8-sig", errors="replace") as file:
                lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
            if name in owned[entry]:
                paths |= {os.path.join(entry, line) for line in lines if not line.startswith("import")}
            elif entry in site.getsitepackages():
                imports += [line for line in lines if line.startswith(("import ", "import\t"))]
    return paths, imports


def _loose(sites: list[str], owned: dict[str, set[str]]) -> dict[str, str]:
    """Return the paths, by their names, of what no distribution's list of files has."""
    found: dict[str, str] = {}
    for entry in sites:
        for name in sorted(os.listdir(entry)):
            is_about = name == "__pycache__" or name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))
            if not is_about and name not in owned[entry]:
                found.setdefault(name, os.path.join(entry, name))
    return found


if __name__ == "__main__":
    print(json.dumps(list_environment()))
