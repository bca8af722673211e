"""The command that writes a run's answer to its pull request: one comment, written again by later runs.

It is for a workflow that ``workflow_run`` starts, which may write and runs none of the change's code. The journal that
it is given comes from a job that did run it, perhaps a fork's: it is read as a journal and nothing else, and its names
are shown as text. Which pull request it is for comes from the event, never from the journal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.cli.events import read_event
from pytest_formfunc.cli.ground import Commands, say
from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.gate.closing import faults_of
from pytest_formfunc.gate.journal_results import results_of
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.lines import Journal
from pytest_formfunc.json_reading import parse_json, read_object, read_text, read_whole
from pytest_formfunc.paths import exists
from pytest_formfunc.report.markdown import COMMENT, render_within
from pytest_formfunc.text import markdown

_SPARE = 1000  # bytes for what stands around the report
_SENTENCES = 10  # of what a run is red for
_PAGES = 30  # of a hundred comments each
_LIMIT_S = 30
_MOST = 16 * 2**20  # bytes of an answer
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_URL = re.compile(r"https?://[\w.:-]+(/[\w./-]*)?")


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    comment = commands.add_parser(
        "comment",
        help="write a run's answer as a comment of its pull request, or again into the one that is there; for a "
        "workflow that workflow_run starts",
    )
    comment.add_argument("file", type=Path, metavar="RUN", help="its journal, from the artifact of the run")
    comment.set_defaults(run=_comment)


def _comment(given: argparse.Namespace) -> int:
    run = _run_of(read_event(os.environ))
    if run is None:
        say("the repository that the change came from is gone: there is nothing to comment on")
        return 0
    github = _GitHub.of(os.environ)
    number = _pull_request(github, run)
    if number is None:
        say(f"no open pull request has {run.commit[:10]} as its newest commit: there is nothing to comment on")
        return 0
    body = comment_body(given.file, run)
    there = _own_comment(github, number, run.mark)
    if there is None:
        github.ask("POST", f"issues/{number}/comments", {"body": body})
    else:
        github.ask("PATCH", f"issues/comments/{there}", {"body": body})
    say(f"{'written' if there is None else 'written again'}: the comment of pull request {number}")
    return 0


@dataclass(frozen=True)
class Ended:
    """The run whose end started this workflow.

    Attributes:
        commit: the newest commit of the change.
        owner: who owns the repository that the change comes from.
        branch: its branch there.
        page: address of the run's page.
        conclusion: how it ended, as GitHub has it: ``success``, ``failure``, ...
        workflow: number of its workflow; each has a comment of its own.
    """

    commit: str
    owner: str
    branch: str
    page: str
    conclusion: str
    workflow: int = 0

    @property
    def mark(self) -> str:
        """Return what a later run of the same workflow finds the comment by."""
        return f"<!-- pytest-formfunc {self.workflow} -->"


def _run_of(event: Mapping[str, Any]) -> Ended | None:
    """Return what an event says of the run; None where the fork that it is of was deleted."""
    try:
        run = read_object(event, "workflow_run")
        if run["head_repository"] is None:
            return None
        workflow = read_whole(run, "workflow_id")
        owner = read_text(read_object(read_object(run, "head_repository"), "owner"), "login")
        texts = (read_text(run, name) for name in ("head_sha", "head_branch", "html_url", "conclusion"))
        commit, branch, page, conclusion = texts
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"the event is none of a run that has ended ({error}): this command is for a workflow that another one's "
            "end starts (workflow_run)"
        ) from None
    if not _COMMIT.fullmatch(commit) or not _URL.fullmatch(page) or not conclusion.isidentifier():
        raise BadInput("the event names no commit, no page of a run, or no conclusion, as GitHub does")
    return Ended(commit, owner, branch, page, conclusion, workflow)


def comment_body(path: Path, run: Ended) -> str:
    """Return the comment's text: how the run ended, what its journal is red for, and the report.

    Args:
        path: the run's journal; one that is absent or damaged is said.
        run: what the event says of it.
    """
    verdict = {"success": "passed", "failure": "**failed**"}.get(run.conclusion, f"ended as {run.conclusion}")
    lines = [run.mark, f"### Speedup by form, at {run.commit[:10]}: [the run]({run.page}) {verdict}", ""]
    try:
        journal = read_with_parts(path)
        lines += [f"- {sentence}" for sentence in _red_for(journal)]
        room = COMMENT - _SPARE - sum(len(line.encode()) + 1 for line in lines)
        lines += ["", render_within(results_of(journal), room)]
    except FormfuncError as error:
        reason = markdown(str(error))[: _SPARE // 2] if exists(path) else "it has left no journal"
        lines.append(f"Nothing can be shown of it: {reason}.")
    text = "\n".join([*lines, ""])
    if len(text.encode()) > COMMENT:
        return "\n".join([*lines[:3], "The report is too long for a comment: it is in the artifact of the run.", ""])
    return text


def _red_for(journal: Journal) -> list[str]:
    """Return what the run is red for, by its journal; regressions stand in the report's table."""
    header = journal.header
    if header.shard is not None:
        return []
    faults = faults_of(header, journal.confirmed(), ended=journal.ended, strict=header.strict)
    sentences = list(dict.fromkeys(markdown(fault.sentence)[:500] for fault in faults))
    more = [f"{len(sentences) - _SENTENCES} more are in the run's log"] if len(sentences) > _SENTENCES else []
    return sentences[:_SENTENCES] + more


@dataclass(frozen=True)
class _GitHub:
    """GitHub's interface for one repository.

    Attributes:
        address: of the repository, ``https://api.github.com/repos/OWNER/NAME``.
        token: what it may write with.
    """

    address: str
    token: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> _GitHub:
        """Take what GitHub tells a job, and the token that the workflow gives.

        Raises:
            BadInput: something is absent or malformed.
        """
        api = environment.get("GITHUB_API_URL", "https://api.github.com")
        repository, token = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_TOKEN", "")
        if not _REPOSITORY.fullmatch(repository) or not _URL.fullmatch(api):
            raise BadInput(f"GITHUB_REPOSITORY {repository!r} or GITHUB_API_URL {api!r} is not as GitHub sets it")
        if not token:
            raise BadInput("GITHUB_TOKEN is not set: give it to the step by env, with pull-requests: write")
        return cls(f"{api.rstrip('/')}/repos/{repository}", token)

    def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """Send a request and return the answer's JSON.

        Raises:
            FormfuncError: it failed; the message says what was asked, and never the token.
        """
        request = urllib.request.Request(
            f"{self.address}/{path}",
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "User-Agent": "pytest-formfunc",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")  # no other host gets it
        asked = f"{method} {path.partition('?')[0]}"
        try:
            with urllib.request.urlopen(request, timeout=_LIMIT_S) as answer:
                return parse_json(answer.read(_MOST))
        except urllib.error.HTTPError as error:
            hint = ": the workflow needs pull-requests: write" if error.code in (401, 403) else ""
            raise FormfuncError(f"GitHub refused {asked} with {error.code}{hint}") from None
        except (OSError, ValueError) as error:
            raise FormfuncError(f"GitHub did not answer {asked}: {error}") from None


def _pull_request(github: _GitHub, run: Ended) -> int | None:
    """Return the number of the open pull request whose newest commit was measured; None if there is none.

    The event has no list of pull requests where the change comes from a fork, so that GitHub is asked for it.
    """
    query = urllib.parse.urlencode({"state": "open", "head": f"{run.owner}:{run.branch}", "per_page": 100})
    for one in _list(github.ask("GET", f"pulls?{query}")):
        if read_object(one, "head").get("sha") == run.commit:
            return read_whole(one, "number")
    return None


def _own_comment(github: _GitHub, number: int, mark: str) -> int | None:
    """Return the id of the comment that an earlier run wrote; None if there is none. Only a bot's counts."""
    for page in range(1, _PAGES + 1):
        found = _list(github.ask("GET", f"issues/{number}/comments?per_page=100&page={page}"))
        for one in found:
            body, user = one.get("body"), one.get("user")
            if isinstance(body, str) and body.startswith(mark) and isinstance(user, dict) and user.get("type") == "Bot":
                return read_whole(one, "id")
        if len(found) < 100:
            break
    return None


def _list(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise FormfuncError("GitHub's answer is not the list that was asked for")
    return answer
