"""Whose code and whose packages a worker runs: this process' own, or those of the other side of a comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """A virtual environment that workers can be started in.

    Attributes:
        folder: where it is, as the user gave it.
        python: its interpreter.
        harness: a folder that holds this harness and nothing else, for its import path.
    """

    folder: str
    python: str
    harness: str


@dataclass(frozen=True)
class Workspace:
    """Where a worker's imports come from.

    Attributes:
        sys_path: import path; None for this process' own.
        cwd: working directory; None for this process' own.
        forms: folder of the ``forms`` package to use in place of the installed one, or None.
        environment: whose packages are used, None for this process' own; ``sys_path`` comes before them.
        trees: the user's tree, of which nothing may be imported, and the one to use instead; or None.
    """

    sys_path: tuple[str, ...] | None = None
    cwd: str | None = None
    forms: str | None = None
    environment: Environment | None = None
    trees: tuple[str, str] | None = None


OWN = Workspace()
