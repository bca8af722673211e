"""Check another git revision out beside the user's tree, and determine which code belongs to it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest_formfunc
from pytest_formfunc.errors import BadInput
from pytest_formfunc.measure.isolation import is_installed
from pytest_formfunc.measure.workspace import Environment, Workspace

_CHECKOUT_LIMIT_S = 900  # large repositories, on slow disks
_SUBMODULE_LIMIT_S = 900
# Git sets these variables for its hooks; they would make git work on another tree than that of its working directory.
_OTHER_REPOSITORY = frozenset(
    ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
)


@dataclass(frozen=True)
class Revision:
    """Another revision, checked out.

    Attributes:
        name: its name, as the user gave it.
        commit: the full hash of its commit.
        top: the top folder of the user's tree.
        tree: the folder that it is checked out into.
        dirty: whether the user's tree has uncommitted changes.
        is_same_code: whether it is the current commit, of which nothing was changed.
    """

    name: str
    commit: str
    top: Path
    tree: Path
    dirty: bool
    is_same_code: bool = False

    @property
    def title(self) -> str:
        """Return the name with the short hash, for sentences."""
        short = self.commit[:10]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"

    def there(self, path: str | Path) -> Path:
        """Return the other revision's counterpart of a path in the user's tree.

        A path outside of the tree, or in a virtual environment inside it, belongs to both and is returned unchanged.
        """
        given = Path(path).absolute()
        resolved = given.resolve()
        for candidate in (given, resolved):
            if candidate.is_relative_to(self.top) and not is_installed(candidate, self.top):
                return self.tree / candidate.relative_to(self.top)
        return given

    def workspace(
        self, sys_path: Iterable[str], cwd: Path, modules: Iterable[str] = (), environment: Environment | None = None
    ) -> Workspace:
        """Return the workspace of a worker of this revision: the revision's own files and an environment's packages.

        Args:
            sys_path: this process' import path.
            cwd: this process' working directory.
            modules: names of modules that will be imported, besides those that are imported already.
            environment: the environment whose packages are used; None for that of this process.
        """
        folders = [*_folders_of_imported(self.top), *_folders_of(self.top, modules)]
        there = [self.there(entry or cwd) for entry in [*folders, *sys_path]]
        if environment is not None:  # it has packages of its own: only the revision's files are added
            there = [path for path in there if path.is_relative_to(self.tree)]
        own_forms = Path(pytest_formfunc.__file__).resolve().parent / "forms"
        forms = self.there(own_forms)
        cwd_there = self.there(cwd)
        return Workspace(
            sys_path=tuple(dict.fromkeys(map(str, there))),
            cwd=str(cwd_there if cwd_there.is_dir() else self.tree),
            forms=str(forms) if forms != own_forms and (forms / "__init__.py").is_file() else None,
            environment=environment,
            trees=(str(self.top), str(self.tree)),
        )

    def close(self) -> None:
        """Remove the checkout and git's record of it; it may be called repeatedly."""
        _remove_worktree(self.top, self.tree)


def check_out(name: str, root: Path, into: Path, *, in_ci: bool) -> Revision:
    """Check a revision out into a folder that does not exist yet.

    Args:
        name: any revision; ``A...`` is the merge base of ``A`` and the current commit. In CI the name of a branch
            means the merge base too, because what others have merged since is not part of the tested change.
        root: a folder in the user's repository.
        into: the folder to check it out into.
        in_ci: whether this is a build server.

    Raises:
        BadInput: git is not installed, there is no repository or no such revision, or it cannot be checked out.
    """
    top = _top(root)
    dirty = _is_dirty(top, name)
    base = name.removesuffix("...")
    commit = _commit(top, base)
    if name.endswith("...") or (in_ci and _is_branch(top, base)):
        commit = _merge_base(top, base)
    _forget_dead(top, into.parent)
    try:
        # The user's hooks are off: a post-checkout hook might change the environment that both sides share.
        _git(top, "-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--detach", "--force", "--lock", "--reason",
             _here(into.parent), str(into), commit, limit_s=_CHECKOUT_LIMIT_S)  # fmt: skip
    except BaseException as error:
        _remove_worktree(top, into)
        if not isinstance(error, BadInput):
            raise
        raise BadInput(f"--formfunc-against {name}: git cannot check it out: {error}") from None
    same = not dirty and commit == _commit(top, "HEAD")
    revision = Revision(name, commit, top, into, dirty, same)
    try:
        _check_out_submodules(revision)
    except BaseException:
        revision.close()
        raise
    return revision


def merge_base(root: Path, name: str) -> str:
    """Return the full hash of the merge base of a revision and the current commit.

    Raises:
        BadInput: git is not installed, there is no repository or no such revision, or they have no common ancestor.
    """
    return _merge_base(_top(root), name)


def is_current(root: Path, commit: str) -> bool:
    """Return whether a commit is the current one, and nothing is uncommitted.

    Raises:
        BadInput: git is not installed, or there is no repository.
    """
    top = _top(root)
    return commit == _commit(top, "HEAD") and not _is_dirty(top, commit)


def top_folder(folder: Path) -> Path:
    """Return the top folder of the repository that a folder is in.

    Raises:
        BadInput: git is not installed, or there is no repository.
    """
    return _top(folder)


def commits_between(root: Path, good: str, bad: str) -> list[str]:
    """Return the commits after ``good`` up to ``bad``, oldest first, first parents only.

    Raises:
        BadInput: ``bad`` is not a revision, or ``good`` is not among its ancestors.
    """
    top = _top(root)
    last = _commit(top, bad)
    commits = _git(top, "rev-list", "--first-parent", "--reverse", f"{good}..{last}").split()
    if not commits or _git(top, "merge-base", good, last, check=False) != good:
        raise BadInput(f"{good[:10]} is not an ancestor of {bad}: name the revision that had the speedup first")
    return commits


def _top(root: Path) -> Path:
    try:
        return Path(_git(root, "rev-parse", "--show-toplevel")).resolve()
    except FileNotFoundError:
        raise BadInput("--formfunc-against needs git, which is not installed") from None
    except BadInput as error:
        raise BadInput(f"--formfunc-against needs a git repository, and {root} is not in one ({error})") from None


def _is_dirty(top: Path, name: str) -> bool:
    try:
        return bool(_git(top, "status", "--porcelain", "--untracked-files=no"))
    except BadInput as error:  # for example, a submodule without its repository
        raise BadInput(
            f"--formfunc-against {name}: git cannot determine the state of {top}; fix what git status reports there: "
            f"{error}"
        ) from None


def _commit(top: Path, name: str) -> str:
    try:
        return _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except BadInput:
        pass
    for remote in ("origin",):  # a build server's checkout has no local branches
        commit = _git(top, "rev-parse", "--verify", "--quiet", f"{remote}/{name}^{{commit}}", check=False)
        if commit:
            return commit
    raise BadInput(f"--formfunc-against {name}: this repository has no such revision{_shallow_advice(top)}")


def _merge_base(top: Path, base: str) -> str:
    commit = _git(top, "merge-base", "HEAD", _commit(top, base), check=False)
    if not commit:
        raise BadInput(
            f"--formfunc-against {base}: it has no common ancestor with the current commit{_shallow_advice(top)}"
        )
    return commit


def _is_branch(top: Path, name: str) -> bool:
    refs = _git(top, "for-each-ref", "--format=%(refname)", f"refs/heads/{name}", f"refs/remotes/origin/{name}")
    return bool(refs) or name.startswith("origin/")


def _shallow_advice(top: Path) -> str:
    if _git(top, "rev-parse", "--is-shallow-repository", check=False) == "true":
        return " (the clone is shallow: git fetch --unshallow, or fetch-depth: 0 in actions/checkout)"
    return ""


def _remove_worktree(top: Path, tree: Path) -> None:
    """Remove a checkout and git's record of it, even an incomplete checkout, which git keeps locked."""
    _git(top, "worktree", "remove", "--force", "--force", str(tree), check=False, limit_s=_CHECKOUT_LIMIT_S)


def _here(folder: Path) -> str:
    """Return what git is to note with a checkout: which folder it is in, of which start of which machine.

    A repository may be shared by machines whose folders of temporary files are not.
    """
    boot = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    about = folder.parent.stat()
    return f"pytest-formfunc {platform.node()} {boot} {about.st_dev}:{about.st_ino}"


def _forget_dead(top: Path, folder: Path) -> None:
    """Remove git's records of checkouts that runs beside a folder have left, and that are not there any more."""
    reason, path = f"locked {_here(folder)}", ""
    for line in _git(top, "worktree", "list", "--porcelain", check=False).splitlines():
        path = line.removeprefix("worktree ") if line.startswith("worktree ") else path
        if line == reason and path and not Path(path).exists():
            _remove_worktree(top, Path(path))


def _check_out_submodules(revision: Revision) -> None:
    if not (revision.tree / ".gitmodules").is_file():
        return
    try:
        _git(revision.tree, "submodule", "update", "--init", "--recursive", limit_s=_SUBMODULE_LIMIT_S)
    except BadInput as error:
        raise BadInput(f"--formfunc-against {revision.name}: its submodules cannot be checked out: {error}") from None


def _folders_of_imported(top: Path) -> list[str]:
    """Return the import folders of the user's modules that are already imported.

    An editable install may find them by an import hook, so that the import path has no entry for them.
    """
    loaded = [
        (name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items()) if "." not in name
    ]
    files = [file for name, file in loaded if file and not name.startswith(("test_", "conftest", "__"))]
    return _import_folders(top, files)


def _folders_of(top: Path, modules: Iterable[str]) -> list[str]:
    """Return the import folders of modules that may not be imported yet; finding a top-level module runs no code."""
    files = []
    for name in {module.partition(".")[0] for module in modules}:
        with contextlib.suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(name)
            files += [spec.origin] if spec and spec.origin else []
    return _import_folders(top, files)


def _import_folders(top: Path, files: Iterable[str]) -> list[str]:
    paths = [Path(file).resolve() for file in files]
    return list(
        dict.fromkeys(
            str(path.parent.parent if path.name == "__init__.py" else path.parent)
            for path in paths
            if path.is_relative_to(top) and not is_installed(path, top)
        )
    )


def _git(folder: Path, *args: str, check: bool = True, limit_s: float = 60) -> str:
    """Run git in a folder and return its output.

    Raises:
        BadInput: it failed; the message is its first error line.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _OTHER_REPOSITORY}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *args], cwd=folder, capture_output=True, text=True, check=False, timeout=limit_s, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadInput(f"git {args[0]} did not end within {limit_s:g}s") from None
    except ValueError:  # a name with a zero byte, or with half of a character
        raise BadInput("git cannot be given such a name") from None
    if done.returncode and check:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BadInput(next((line for line in lines if line.startswith(("fatal", "error"))), "git failed")[:300])
    return done.stdout.strip() if done.returncode == 0 else ""
