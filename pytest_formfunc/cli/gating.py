"""The command that gates a change: both sides in the same rounds, judged once more by the journal alone, and told."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_formfunc.backends import distributions
from pytest_formfunc.cli.events import base_commit
from pytest_formfunc.cli.ground import EXIT_REGRESSED, Commands, say
from pytest_formfunc.cli.running import SUITE, pytest_arguments
from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.gate.closing import Fault, faults_of
from pytest_formfunc.gate.pooled import pooled_losses
from pytest_formfunc.host import describe_host, fingerprint
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.lines import Journal
from pytest_formfunc.measure.cache_folder import begin_cache, is_ours
from pytest_formfunc.paths import exists
from pytest_formfunc.policy import Accepted
from pytest_formfunc.revisions.checkout import is_current
from pytest_formfunc.text import markdown

_NOT_COMPARED = ("new", "not comparable", "missing")
_NO_TESTS = 5  # pytest's exit code
_SUMMARY, _OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"  # files that GitHub reads when a step has ended


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    gate = commands.add_parser(
        "gate",
        help="compare the tree with the commit that a change began at, side by side and strictly, as a build does: "
        "report, journal and JUnit file are in one folder; on GitHub the event says which commit it is, and the job "
        "gets its summary",
    )
    gate.add_argument("names", nargs="*", metavar="NAME", help="patterns, networks, or models of yours, as for run")
    gate.add_argument("--tests", default="", metavar="PATHS", help="tests that measure, with spaces between them (by "
                      "default all of the repository)")  # fmt: skip
    gate.add_argument("--base", default="", metavar="REV", help="what to compare with: its merge base with HEAD")
    gate.add_argument("--accept", default="", metavar="NAMES", help="what the change may give up, as --formfunc-accept")
    gate.add_argument("--shard", default="", metavar="K/N", help="measure a part of all cases; merge judges the parts")
    gate.add_argument("--options", default="", metavar="TEXT", help="further options, as a shell has them")
    gate.add_argument("--out", type=Path, default=Path("formfunc"), metavar="FOLDER", help="(default %(default)s)")
    gate.set_defaults(run=_gate)
    key = commands.add_parser(
        "cache-key", help="print what a cache of converted models is valid for: the processor and the versions"
    )
    key.set_defaults(run=_cache_key)


def _gate(given: argparse.Namespace) -> int:
    given.names = [name for name in given.names if name.strip()]  # an action gives what it was not given as nothing
    if given.names and given.tests:
        raise BadInput("names and --tests are two things to measure: give one of them")
    options, tests = _words(given.options, "--options"), _words(given.tests, "--tests")
    for path in (one.partition("::")[0] for one in tests):
        if not exists(Path(path)):
            raise BadInput(f"--tests: there is no file or folder {path!r}")
    base = base_commit(given.base, os.environ, Path.cwd())
    if is_current(Path.cwd(), base) and "same-code" not in Accepted(given.accept.split(",")):
        raise BadInput(
            f"the base {base[:10]} is the current commit, and nothing is uncommitted: there is no change to compare; "
            "name the commit before it, or accept this by --accept same-code"
        )
    journal = _prepare(given.out)
    what = [*SUITE, *pytest_arguments([*given.names, *options])] if given.names else [*_measuring(tests), *options]
    say(f"comparing with {base[:10]}, side by side")
    sys.stdout.flush()
    if given.accept:
        what.append(f"--formfunc-accept={given.accept}")
    if given.shard:
        what.append(f"--formfunc-shard={given.shard}")
    code = _measure([*what, *_always(base, given.out)])
    try:
        # Without a journal pytest has said why.
        faults, found = _judge(journal, given.shard) if journal.is_file() or not code else ([], None)
    except FormfuncError as error:
        faults, found = [Fault("nothing", f"nothing was judged: {error}")], None
    if code == _NO_TESTS and given.shard and found is not None and found.header.part_of_all and not faults:
        say(f"part {given.shard} has no case: there are more parts than cases")
        code = 0
    # What pytest itself was red for stands in its output, and in its report.
    sentences = [] if code and found is not None else list(dict.fromkeys(fault.sentence for fault in faults))
    for sentence in sentences:
        say(f"pytest-formfunc: {sentence}", file=sys.stderr)
    red = bool(code or faults)
    together = _lost_together(found)
    outputs = _outputs(found, base, len(together), red=red)
    part = f"part {given.shard} of " if given.shard else ""
    counts = f"{outputs['regressed']} regressed of {outputs['compared']} compared"
    counts += f"; together {', '.join(together)} lost speedup" if together else ""
    say(f"{part}the gate has {outputs['outcome']}: {counts}")
    _append(_OUTPUT, "".join(f"{name}={value}\n" for name, value in outputs.items()))
    if not given.shard or red:  # merging the parts writes the summary
        _append(_SUMMARY, _summary(given.out / "report.md", sentences))
    return code or (EXIT_REGRESSED if faults else 0)


def _cache_key(given: argparse.Namespace) -> int:
    del given
    host = describe_host(distributions())
    identity = json.dumps([fingerprint(host), host["versions"]], sort_keys=True)
    say(f"formfunc-{hashlib.sha256(identity.encode()).hexdigest()[:16]}")
    return 0


def _words(text: str, option: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadInput(f"{option} {text!r} is not what a shell could read: {error}") from None


def _measuring(tests: Sequence[str]) -> list[str]:
    """Return the arguments for tests; where none are named, those of the repository that do not measure are skipped."""
    return list(tests) or ["--benchmark-only"]


def _always(base: str, out: Path) -> list[str]:
    reports = [f"--formfunc-report={out / name}" for name in ("report.md", "report.html", "report.json")]
    return [
        f"--formfunc-against={base}", "--formfunc-strict", f"--formfunc-journal={out / 'run.jsonl'}",
        f"--junitxml={out / 'junit.xml'}", *reports,
    ]  # fmt: skip


def _prepare(out: Path) -> Path:
    """Make the folder of the files; what an earlier gate has left in it would be taken for this one's.

    Raises:
        BadInput: the folder is somebody else's, or cannot be written.
    """
    try:
        if out.is_dir() and any(out.iterdir()) and not is_ours(out):
            raise BadInput(f"--out {out} is a folder with other files: name another one, which this command makes")
        begin_cache(out)
        out.mkdir(parents=True, exist_ok=True)
        for name in ("run.jsonl", "report.md", "report.html", "report.json", "junit.xml"):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"--out {out} cannot be written: {error.strerror}") from None
    return out / "run.jsonl"


def _measure(arguments: Sequence[str]) -> int:
    """Run pytest in a process of its own: what the change's code does there does not reach the judge."""
    with subprocess.Popen([sys.executable, "-m", "pytest", *arguments]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # pytest has it too, and ends in order
                continue


def _judge(path: Path, part: str) -> tuple[list[Fault], Journal]:
    """Judge the run by its journal; a part that was asked for, which a later merge judges, has no faults.

    Raises:
        FormfuncError: there is no journal, or it cannot be read.
    """
    journal = read_with_parts(path)
    shard = journal.header.shard
    if shard is not None:
        if part.replace(" ", "") == str(shard):
            return [], journal
        return [Fault("nothing", f"only part {shard} was measured, which --shard does not ask for")], journal
    faults = list(faults_of(journal.header, journal.confirmed(), ended=journal.ended, strict=True))
    if not journal.header.title:
        faults.append(Fault("nothing", "nothing was compared"))
    return faults, journal


def _outputs(found: Journal | None, base: str, together: int, *, red: bool) -> dict[str, object]:
    """Return what later steps of a job may read: the outcome, three counts, and the commit that was compared with."""
    verdicts = [row.record.verdict for row in found.rows.values() if row.record.verdict] if found else []
    statuses = [verdict.status for verdict in verdicts if verdict.status not in _NOT_COMPARED]
    return {
        "outcome": "failed" if red else "passed",
        "regressed": statuses.count("regressed"),
        "together": together,
        "compared": len(statuses),
        "base": base,
    }


def _lost_together(found: Journal | None) -> list[str]:
    """Return the names of the losses that several rows share, and that fail the gate."""
    return [one.name for one in pooled_losses(found.header, found.rows) if one.fails] if found else []


def _summary(report: Path, sentences: Sequence[str]) -> str:
    """Return what the page of a job shows."""
    text = report.read_text(encoding="utf-8") if report.is_file() else ""
    said = [markdown(sentence) for sentence in sentences]
    return "\n\n".join([*said, text or "Nothing was measured: the job's log says why."]) + "\n"


def _append(variable: str, text: str) -> None:
    path = os.environ.get(variable)
    if path:
        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(text)
