"""Read what two environments have installed, and make mixed ones: some packages of one, the others of the other.

A mixed environment holds no copies: what the ``RECORD`` of each distribution lists is linked, so that neither network
nor pip is needed. A folder is linked as a whole where it belongs to one distribution and has no shared library: several
may share one (``nvidia/``), and a library finds its neighbours by its own path (``$ORIGIN``), which has to be that of
the mix.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.paths import is_file
from pytest_formfunc.revisions import listing_there

PYTHON = "python"  # the interpreter, which may differ like a package
_LIMIT_S = 120
_NATIVE = ".so"  # among the owners of a folder: a library is there
# Both sides run this harness, and no test imports pip.
_NEVER = frozenset(("pytest-formfunc", "pip"))
_PIN = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*\(?\s*={2,3}\s*[^*,;]+\)?\s*(?:;.*)?$")


@dataclass(frozen=True)
class Distribution:
    """One installed distribution.

    Attributes:
        name: as it calls itself.
        version: its version.
        root: the folder that its files are relative to.
        files: its files.
        digest: of what it holds, by the hashes in its ``RECORD``.
        pins: normalized names of the distributions that it requires in exactly one version.
        listed: whether it has a list of its files.
    """

    name: str
    version: str
    root: str
    files: tuple[str, ...]
    digest: str
    pins: frozenset[str]
    listed: bool


@dataclass(frozen=True)
class Installed:
    """What an environment has.

    Attributes:
        executable: the interpreter that the environment was made from.
        version: its version.
        distributions: by their normalized names.
        loose: paths, by their names, of what is installed and belongs to no distribution.
        folders: further folders of the import path.
        imports: lines of its ``.pth`` files that import something when Python starts.
    """

    executable: str
    version: tuple[int, ...]
    distributions: Mapping[str, Distribution]
    loose: Mapping[str, str]
    folders: tuple[str, ...]
    imports: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A package that two environments do not have alike.

    Attributes:
        key: its normalized name.
        title: a clause: the name with both versions.
        before: the name with the old version, as in "this environment with ...".
        pins: normalized names of what it requires in exactly one version, on either side.
        problem: why it cannot be taken from the old environment alone; empty if it can.
    """

    key: str
    title: str
    before: str
    pins: frozenset[str] = frozenset()
    problem: str = ""


def read_environment(python: str, folder: str) -> Installed:
    """Ask an environment's Python what is installed there.

    Args:
        python: its interpreter, by the path in the environment.
        folder: the environment as sentences name it.

    Raises:
        BadInput: its Python does not run, or its packages cannot be listed.
    """
    if not is_file(Path(python)):
        raise BadInput(f"{folder} is no virtual environment: it has no {Path(python).name} in its folder bin")
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(
            [python, "-P", "-W", "ignore", listing_there.__file__], capture_output=True, text=True, check=True,
            timeout=_LIMIT_S, stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise BadInput(
            f"the packages of {folder} cannot be listed ({type(error).__name__}): does its Python run?"
        ) from None
    distributions = {
        key: Distribution(
            name=one["name"],
            version=one["version"],
            root=one["root"],
            files=tuple(one["files"]),
            digest=one["digest"],
            pins=frozenset(_pins(one["requires"])),
            listed=one["listed"],
        )
        for key, one in found["distributions"].items()
        if key not in _NEVER
    }
    return Installed(
        executable=found["executable"],
        version=tuple(found["version"]),
        distributions=distributions,
        loose=found["loose"],
        folders=tuple(found["folders"]),
        imports=tuple(found["imports"]),
    )


def changes_between(old: Installed, new: Installed) -> list[Change]:
    """Return what differs: versions, contents of one version, packages that only one side has, and Python itself."""
    found = []
    if old.version != new.version:
        then, now = (".".join(map(str, one.version)) for one in (old, new))
        found.append(Change(PYTHON, f"Python {then} -> {now}", f"Python {then}"))
    for key in sorted(old.distributions.keys() | new.distributions.keys()):
        then_there, now_here = old.distributions.get(key), new.distributions.get(key)
        if then_there and now_here and _alike(then_there, now_here):
            continue
        sides = [one for one in (then_there, now_here) if one is not None]
        unlisted = [one.name for one in sides if not one.listed]
        found.append(
            Change(
                key,
                _title(then_there, now_here),
                f"{then_there.name} {then_there.version}" if then_there else f"no {sides[0].name}",
                frozenset().union(*(one.pins for one in sides)),
                f"{unlisted[0]} has no list of its files (RECORD): install it by pip" if unlisted else "",
            )
        )
    return found


def make_mixed(folder: Path, old: Installed, new: Installed, from_old: Collection[str]) -> Path:
    """Make a virtual environment of links, and return its folder.

    Args:
        folder: where it is made; it does not exist yet.
        old: the environment that some packages are taken from.
        new: the environment that all others are taken from.
        from_old: normalized names of the packages that are as in the old one, or absent if it has none of the name.

    Raises:
        BadInput: it cannot be made, as on a full disk.
    """
    base = old if PYTHON in from_old else new
    short = ".".join(map(str, base.version[:2]))
    packages = folder / "lib" / f"python{short}" / "site-packages"
    try:
        packages.mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(base.executable)
        version = ".".join(map(str, base.version))
        (folder / "pyvenv.cfg").write_text(
            f"home = {Path(base.executable).parent}\ninclude-system-site-packages = false\nversion = {version}\n",
            encoding="utf-8",
        )
        (folder / "lib64").symlink_to("lib", target_is_directory=True)
        keys = sorted(old.distributions.keys() | new.distributions.keys())
        chosen = [one for key in keys if (one := (old if key in from_old else new).distributions.get(key))]
        owners, made = _owners(chosen), {str(packages)}
        for one in chosen:
            if one.listed:
                _link(one, folder, packages, owners, made)
            else:
                _link_unlisted(one, packages)
        for name, path in {**old.loose, **new.loose}.items():
            with contextlib.suppress(FileExistsError):
                (packages / name).symlink_to(path)
        lines = dict.fromkeys([*new.imports, *new.folders, *old.imports, *old.folders])
        (packages / "formfunc-mixed.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"an environment of links cannot be made in {folder.parent}: {error.strerror}") from None
    return folder


def _link(
    distribution: Distribution, folder: Path, packages: Path, owners: Mapping[str, set[str]], made: set[str]
) -> None:
    """Link what a distribution has into an environment: its files, or the highest folders that are its alone.

    Args:
        distribution: whose files these are.
        folder: the environment.
        packages: its folder of packages.
        owners: the roots' names of the distributions that have files below each folder; `_NATIVE` for a library.
        made: the folders and links that are there already; it is added to.
    """
    start, top = str(packages), f"{folder}{os.sep}"
    for file in distribution.files:
        path = next((one for one in _folders_above(file) if owners.get(one) == {distribution.name}), file)
        target = os.path.normpath(os.path.join(start, path))
        if target in made or not target.startswith(top) or path.endswith(".pyc"):
            continue  # it is there, or outside of the environment; what was compiled is made again where it is needed
        made.add(target)
        parent = os.path.dirname(target)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
            compiled = os.path.join(distribution.root, os.path.dirname(path), "__pycache__")
            if parent.startswith(f"{start}{os.sep}") and os.path.isdir(compiled):
                made.add(os.path.join(parent, "__pycache__"))
                os.symlink(compiled, os.path.join(parent, "__pycache__"))
        with contextlib.suppress(FileExistsError):  # the file is the Python
            os.symlink(os.path.normpath(os.path.join(distribution.root, path)), target)


def _owners(distributions: Iterable[Distribution]) -> dict[str, set[str]]:
    """Return whose files are below each folder, and `_NATIVE` where a shared library is."""
    found: dict[str, set[str]] = {}
    for one in distributions:
        for file in one.files:
            is_native = ".so" in file.rpartition("/")[2]
            for folder in _folders_above(file):
                found.setdefault(folder, set()).update((one.name, _NATIVE) if is_native else (one.name,))
    return found


def _folders_above(file: str) -> list[str]:
    """Return the folders that a file is in, highest first.

    >>> _folders_above("nvidia/cublas/lib/libcublas.so.12")
    ['nvidia', 'nvidia/cublas', 'nvidia/cublas/lib']
    """
    parts = file.split("/")[:-1]
    return [] if ".." in parts else ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _link_unlisted(distribution: Distribution, packages: Path) -> None:
    """Link the description of a distribution without a list of files, whose modules are linked as loose ones."""
    normal = re.compile(r"[-_.]+")
    name = normal.sub("-", distribution.name).lower()
    for path in Path(distribution.root).iterdir():
        start = normal.sub("-", path.name.partition("-")[0].removesuffix(".egg-info")).lower()
        if start == name and path.suffix in (".dist-info", ".egg-info"):
            with contextlib.suppress(FileExistsError):
                (packages / path.name).symlink_to(path)


def _alike(one: Distribution, other: Distribution) -> bool:
    """Return whether two installations are of one version, and of one build as far as they say."""
    return one.version == other.version and one.digest == other.digest


def _title(then: Distribution | None, now: Distribution | None) -> str:
    if then is None:
        return f"{now.name} {now.version} (added)" if now else ""
    if now is None:
        return f"{then.name} {then.version} (removed)"
    if then.version == now.version:
        return f"{now.name} {now.version} (another build of the same version)"
    return f"{now.name} {then.version} -> {now.version}"


def _pins(requirements: Collection[str]) -> list[str]:
    """Return what requirements ask for in exactly one version.

    >>> _pins(["torch==2.9.0", "numpy>=2", "triton (==3.5.0) ; platform_system == 'Linux'", "six==1.*"])
    ['torch', 'triton']
    """
    matches = map(_PIN.match, requirements)
    return [re.sub(r"[-_.]+", "-", match[1]).lower() for match in matches if match]
