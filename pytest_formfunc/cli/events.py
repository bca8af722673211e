"""What a change is compared with on a build server: read from the event that GitHub started the job by."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.json_reading import parse_json, read_file, read_object, read_text
from pytest_formfunc.revisions.checkout import merge_base

_NO_COMMIT = "0" * 40  # the commit before the first push of a branch


def base_commit(given: str, environment: Mapping[str, str], root: Path) -> str:
    """Return the full hash of the commit that a change is compared with.

    It is the merge base with the branch that a pull request is for; of a push, the commit before it; of a new branch,
    the merge base with the default branch.

    Args:
        given: a revision that the user names, or an empty string.
        environment: of the job: ``GITHUB_EVENT_NAME`` and ``GITHUB_EVENT_PATH``.
        root: a folder in the repository.

    Raises:
        BadInput: there is no such revision, or nothing says what to compare with.
    """
    name = given or _by_event(environment)
    if not given:
        with contextlib.suppress(BadInput):  # it is a commit, or a branch of a repository that has no remote
            return merge_base(root, f"origin/{name}")
    try:
        return merge_base(root, name)
    except BadInput as error:
        raise BadInput(str(error).replace("--formfunc-against", "base", 1)) from None


def read_event(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the event that started this job.

    Raises:
        BadInput: there is none, or it cannot be read.
    """
    path = environment.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise BadInput("there is no event of GitHub's here (GITHUB_EVENT_PATH is not set)")
    try:
        event = parse_json(read_file(Path(path)))
    except (OSError, ValueError) as error:
        raise BadInput(f"the event {path} cannot be read ({error})") from None
    if not isinstance(event, dict):
        raise BadInput(f"the event {path} is not an object")
    return event


def _by_event(environment: Mapping[str, str]) -> str:
    try:
        event, name = read_event(environment), environment.get("GITHUB_EVENT_NAME", "")
    except BadInput as error:
        raise BadInput(f"nothing says what to compare with: give --base REVISION; {error}") from None
    try:
        if "pull_request" in event:
            return read_text(read_object(read_object(event, "pull_request"), "base"), "ref")
        if "merge_group" in event:
            return read_text(read_object(event, "merge_group"), "base_sha")
        if "before" in event and read_text(event, "before") != _NO_COMMIT:
            return read_text(event, "before")
        if "before" in event:
            return read_text(read_object(event, "repository"), "default_branch")
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"the event {name!r} does not say what to compare with ({error}): give --base REVISION"
        ) from None
    raise BadInput(f"the event {name!r} has no base to compare with: give --base REVISION, or the action's input base")
