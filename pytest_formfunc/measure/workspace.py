"""Describe whose code and packages a worker runs: those of this process, or of the other side of a comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """A virtual environment that workers can be started in.

    Attributes:
        folder: its folder, as the user gave it.
        python: path of its interpreter.
        harness: a folder for its import path that contains this pytest_formfunc package and nothing else.
    """

    folder: str
    python: str
    harness: str


@dataclass(frozen=True)
class Workspace:
    """Where a worker's imports come from.

    Attributes:
        sys_path: import path; None for that of this process.
        cwd: working directory; None for that of this process.
        forms: folder of the ``forms`` package to use in place of the installed one, or None.
        environment: the environment whose packages are used after ``sys_path``; None for that of this process.
        trees: the user's tree, from which nothing may be imported, and the tree to use instead; or None.
    """

    sys_path: tuple[str, ...] | None = None
    cwd: str | None = None
    forms: str | None = None
    environment: Environment | None = None
    trees: tuple[str, str] | None = None


OWN = Workspace()
