"""Find the commit that lost the speedup: at each step that commit against the good one, side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.measure.revision import Revision, check_out, commits_between

_GREEN, _RED = 0, 1  # pytest's exit codes


def bisect(good: str, bad: str, pytest_args: Sequence[str], root: Path, say: Callable[[str], None]) -> int:
    """Search the commits after ``good`` up to ``bad``, first parents only; return 0 where one was found.

    A commit whose run is neither green nor red (it does not import, say) cannot be judged; the search goes on with its
    neighbours.

    Raises:
        BadInput: the revisions are none, or not in this order; or the last one did not lose the speedup.
    """
    scratch = Path(tempfile.mkdtemp(prefix="formfunc-bisect-"))
    try:
        first = check_out(good, root, scratch / "good", in_ci=False)
        first.close()
        commits = commits_between(root, first.commit, bad)
        return _search(commits, lambda commit: _judge(commit, first, pytest_args, root, scratch, say), say)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _search(commits: list[str], judge: Callable[[str], int], say: Callable[[str], None]) -> int:
    """Halve the commits, oldest first, until the first red one is known. The last one must be red."""
    if judge(commits[-1]) != _RED:
        raise BadInput(f"{commits[-1][:10]} did not lose the speedup: there is nothing to search for")
    low, high = -1, len(commits) - 1  # green up to low, red from high on
    unknown: set[int] = set()
    while candidates := [index for index in range(low + 1, high) if index not in unknown]:
        index = min(candidates, key=lambda one: abs(one - (low + high) / 2))
        outcome = judge(commits[index])
        if outcome == _RED:
            high = index
        elif outcome == _GREEN:
            low = index
        else:
            unknown.add(index)
    suspects = [commits[index] for index in range(low + 1, high + 1)]
    if len(suspects) == 1:
        say(f"{suspects[0]} is the first commit that lost the speedup")
    else:
        say(f"one of these lost the speedup; all but the last could not be judged: {', '.join(suspects)}")
    return 0


def _judge(
    commit: str, good: Revision, pytest_args: Sequence[str], root: Path, scratch: Path, say: Callable[[str], None]
) -> int:
    """Run the tests of a commit against the good one; return pytest's exit code."""
    revision = check_out(commit, root, scratch / commit[:10], in_ci=False)
    try:
        command = [sys.executable, "-m", "pytest", *pytest_args, f"--formfunc-against={good.commit}"]
        cache = f"--formfunc-cache-dir={root / '.formfunc_cache'}"  # what one step converts the next one has
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(revision.side(sys.path, root).sys_path or ())}
        done = subprocess.run(
            [*command, cache, "-p", "no:cacheprovider"], cwd=revision.there(root), env=environment,
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        how = {_GREEN: "kept it", _RED: "lost it"}.get(done.returncode, "cannot be judged")
        say(f"{commit[:10]} {how}")
        for line in done.stdout.splitlines():
            if " lost speedup against " in line:
                say(f"  {line.strip()}")
                break
        return done.returncode
    finally:
        revision.close()
