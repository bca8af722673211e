"""Find which package of an upgrade lost a speedup: compare with environments that mix the packages of two others."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_formfunc.backends import backend_entry, distributions
from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.measure.scratch import MARK_VARIABLE, RUN_PREFIX, OwnFolder, sweep_runs
from pytest_formfunc.measure.signals import Signals
from pytest_formfunc.records import Key
from pytest_formfunc.revisions.checkout import check_out
from pytest_formfunc.revisions.comparing import (
    KEPT,
    LOST,
    UNKNOWN,
    first_trouble,
    outcome_of,
    read_judged,
    run_pytest,
)
from pytest_formfunc.revisions.package_search import Answer, group_pinned, search
from pytest_formfunc.revisions.packages import PYTHON, Change, Installed, changes_between, make_mixed, read_environment
from pytest_formfunc.revisions.search_mode import as_search_step

MOST_COMPARISONS = 16  # in all: enough for one package of some thousands, or for two or three of a hundred
LOOKING = "looking for the package that lost it"
_NUMERIC = frozenset(
    ("ml-dtypes", "mkl", "numpy", "onnx-ir", "scipy", "tbb", "timm", "torchvision", "transformers", "triton")
)
_TOOLS = frozenset(("execnet", "iniconfig", "pluggy", "pygments", "py-cpuinfo", "setuptools", "wheel"))


@dataclass(frozen=True)
class Loss:
    """A speedup that a comparison with another environment found lost.

    Attributes:
        key: case and backend.
        test: id of its test.
        change: speedup here / speedup there at most, by the interval; the smaller, the clearer the loss.
    """

    key: Key
    test: str
    change: float = 0.0


@dataclass(frozen=True)
class Upgrade:
    """A comparison across environments that may be made again with others.

    Attributes:
        environment: folder of the environment that has the old packages, as the user gave it.
        revision: the revision that this one is compared with.
        arguments: for pytest, which select the tests; without what they are compared with.
        folder: the folder that pytest is started in.
        root: a folder in the user's repository.
        added: further arguments, as ``PYTEST_ADDOPTS`` has them.
    """

    environment: str
    revision: str
    arguments: tuple[str, ...]
    folder: Path
    root: Path
    added: str = ""


@dataclass
class Found:
    """What a search for the packages that lost speedups ended with.

    Attributes:
        sentences: the answers.
        narrowed: whether they say more than that packages differ.
    """

    sentences: list[str] = field(default_factory=list)
    narrowed: bool = False

    def add(self, sentence: str, *, narrowed: bool = True) -> None:
        """Add an answer."""
        self.sentences.append(sentence)
        self.narrowed |= narrowed


def find_packages(upgrade: Upgrade, losses: Sequence[Loss], say: Callable[[str], None]) -> Found:
    """Search which packages lost speedups, after a comparison has found them lost.

    Ctrl-C, SIGTERM and SIGHUP end the search and not this process: what is known by then is the answer.

    Args:
        upgrade: the comparison that found the losses.
        losses: what it found.
        say: shows a line of progress.

    Raises:
        BadInput: the packages cannot be listed, or the revision is not there any more.
    """
    sweep_runs()
    own, signals = OwnFolder(f"{RUN_PREFIX}packages-"), Signals()
    try:
        return _Search(upgrade, own.path, say).explain(losses)
    except KeyboardInterrupt:
        return Found([f"{LOOKING}: it was interrupted before anything was compared"])
    finally:
        signals.ignore_more()
        own.close()
        signals.close()


def bisect_packages(upgrade: Upgrade, say: Callable[[str], None]) -> int:
    """Compare with another environment, search which packages lost the speedup, and return the exit code 0.

    Args:
        upgrade: the comparison.
        say: shows a line of progress or of the result.

    Raises:
        BadInput: there is no such environment, its packages are those of this one, no speedup was lost, or nothing
            could be judged.
        KeyboardInterrupt: so it was; what is known by then was said.
    """
    sweep_runs()
    own, signals = OwnFolder(f"{RUN_PREFIX}packages-"), Signals()
    try:
        one = _Search(upgrade, own.path, say)
        if not one.changes:
            raise BadInput(f"the packages of {upgrade.environment} are those of this environment: nothing to search")
        say(f"comparing with all packages of {upgrade.environment} ({len(one.changes)} differ)")
        found = one.explain(one.first_losses())
    finally:
        signals.ignore_more()
        own.close()
        signals.close()
    for sentence in found.sentences:
        say(sentence)
    if one.interrupted:
        raise KeyboardInterrupt
    if not found.narrowed:
        raise BadInput("which package lost it cannot be told: see above")
    return 0


class _Search:
    """One search, with what it has compared so far."""

    def __init__(self, upgrade: Upgrade, scratch: Path, say: Callable[[str], None]) -> None:
        self._upgrade, self._scratch, self._say = upgrade, scratch, say
        self._old = read_environment(f"{upgrade.environment}/bin/python", upgrade.environment)
        self._new: Installed = read_environment(sys.executable, "this environment")
        self.changes = {change.key: change for change in changes_between(self._old, self._new)}
        revision = check_out(upgrade.revision, upgrade.root, scratch / "there", in_ci=False)
        revision.close()
        self._commit = revision.commit
        self._is_same_code = revision.is_same_code
        self._compared = 0
        self._outcomes: dict[tuple[frozenset[str], Key], str] = {}
        self._reasons: dict[tuple[frozenset[str], Key], str] = {}
        self.interrupted = False

    def first_losses(self) -> list[Loss]:
        """Compare with the old environment as it is, and return what was lost.

        Raises:
            BadInput: nothing was.
        """
        records, text = self._run(self._upgrade.environment, None)
        journal = self._scratch / "run.jsonl"
        rows = read_with_parts(journal).rows if journal.is_file() else {}
        losses = [
            Loss(key, rows[key].test, _change(record["verdict"]))
            for record in records
            if record["verdict"]["status"] == "regressed" and (key := _key(record)) in rows
        ]
        if not losses:
            statuses = sorted({record["verdict"]["status"] for record in records})
            env = self._upgrade.environment
            if not statuses:
                raise BadInput(f"nothing was compared with {env}: {first_trouble(text) or 'no test measures anything'}")
            raise BadInput(f"no speedup was lost against {env} (verdicts: {', '.join(statuses)}): nothing to search")
        return losses

    def explain(self, losses: Sequence[Loss]) -> Found:
        """Search for each loss, clearest first, until all are explained."""
        found = Found()
        waiting = sorted(losses, key=lambda one: one.change)
        if not self.changes:
            found.add(
                f"the packages of {self._upgrade.environment} are those of this environment: none of them lost it"
            )
            return found
        if not self._is_same_code:
            waiting = self._without_those_of_the_code(waiting, found)
        if len(self.changes) == 1 and waiting:
            (change,) = self.changes.values()
            found.add(f"{change.title} lost it: nothing else differs from the packages of {self._upgrade.environment}")
            return found
        groups = group_pinned([*self.changes], {key: change.pins for key, change in self.changes.items()})
        while waiting:
            loss = waiting.pop(0)
            titles = _listed([change.title for change in self._by_weight(loss)])
            self._say(f"{LOOKING}: {titles} differ; {_name(loss)} is compared without some of them; Ctrl-C ends it")
            answer = search(groups, self._weights(loss), functools.partial(self._judge, losses=[loss]))
            also = self._explained_too(answer, waiting)
            waiting = [one for one in waiting if one not in also]
            self._conclude(answer, [loss, *also], found)
            if self._is_over:
                break
        if waiting:
            found.add(f"not looked into: {_listed([_name(one) for one in waiting])}", narrowed=False)
        return found

    @property
    def _is_over(self) -> bool:
        return self.interrupted or self._compared >= MOST_COMPARISONS

    def _without_those_of_the_code(self, losses: list[Loss], found: Found) -> list[Loss]:
        """Return the losses that are not seen with the same packages on both sides; say which others are."""
        nothing: frozenset[str] = frozenset()
        self._say(f"{LOOKING}: first with the same packages on both sides, for the code differs too")
        self._judge(nothing, losses)
        by_code = [one for one in losses if self._outcomes.get((nothing, one.key)) == LOST]
        for one in by_code:
            found.add(f"no package lost it: with the same packages, {self._reasons[nothing, one.key]}")
        return [one for one in losses if one not in by_code]

    def _explained_too(self, answer: Answer, losses: Sequence[Loss]) -> list[Loss]:
        """Return which of further losses the packages of an answer explain."""
        if not losses or not answer.confirmed or self._is_over:
            return []
        chosen = frozenset(answer.packages)
        self._judge(chosen, losses)
        return [one for one in losses if self._outcomes.get((chosen, one.key)) == LOST]

    def _judge(self, chosen: frozenset[str], losses: Sequence[Loss]) -> str:
        """Compare with these packages as in the old environment; nothing can be judged once the search is over."""
        if self._is_over:
            return UNKNOWN
        self._compared += 1
        where = self._where(chosen)
        try:
            trouble = next((self.changes[name].problem for name in sorted(chosen) if self.changes[name].problem), "")
            records: list[dict[str, Any]] = []
            if not trouble:
                mixed = make_mixed(self._scratch / "mixed", self._old, self._new, chosen)
                records, text = self._run(str(mixed), [one.test for one in losses])
                trouble = first_trouble(text)
        except KeyboardInterrupt:
            self.interrupted = True
            return UNKNOWN
        except FormfuncError as error:
            trouble = str(error)
        finally:
            shutil.rmtree(self._scratch / "mixed", ignore_errors=True)
        verdicts = {_key(record): record["verdict"] for record in records}
        for one in losses:
            verdict = verdicts.get(one.key)
            statuses = {verdict["status"]} if verdict else set()
            self._outcomes[chosen, one.key] = outcome_of(statuses, complete=True)
            reason = verdict["reason"] if verdict else trouble or "nothing was judged"
            self._reasons[chosen, one.key] = self._in_words(str(reason), where)
        outcomes = [self._outcomes[chosen, one.key] for one in losses]
        outcome = LOST if LOST in outcomes else UNKNOWN if UNKNOWN in outcomes else KEPT
        reasons = [self._reasons[chosen, one.key] for one in losses if self._outcomes[chosen, one.key] == UNKNOWN]
        why = f" ({reasons[0]})" if outcome == UNKNOWN and reasons else ""
        self._say(f"{LOOKING}: against {where}: {_SEEN[outcome]}{why}")
        return outcome

    def _run(self, environment: str, tests: Collection[str] | None) -> tuple[list[dict[str, Any]], str]:
        """Run pytest against an environment; return the records with a verdict, and its output."""
        upgrade, report = self._upgrade, self._scratch / "run.json"
        report.unlink(missing_ok=True)
        (self._scratch / "run.jsonl").unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", *upgrade.arguments, "-p", "no:cacheprovider"]
        command += [f"--formfunc-against={self._commit}", f"--formfunc-against-env={environment}"]
        command += [f"--formfunc-report={report}", f"--formfunc-journal={self._scratch / 'run.jsonl'}"]
        variables = as_search_step(os.environ, self._scratch / "tests.json", tests)
        variables |= {MARK_VARIABLE: str(self._scratch), "PYTEST_ADDOPTS": upgrade.added}
        _, text = run_pytest(command, upgrade.folder, variables)
        return read_judged(report), text

    def _conclude(self, answer: Answer, losses: Sequence[Loss], found: Found) -> None:
        """Say an answer in a sentence."""
        packages = " and ".join(self.changes[name].title for name in answer.packages)
        suspects = ", ".join(self.changes[name].title for name in answer.suspects)
        loss, others = losses[0], losses[1:]
        if answer.confirmed:
            alone = " together, and no single one of them" if answer.together else ""
            also = f"; so it is with {_listed([_name(one) for one in others])}" if others else ""
            found.add(f"{packages} lost it{alone}: {self._reasons[frozenset(answer.packages), loss.key]}{also}")
            return
        why = "could not be told apart before the search was interrupted" if self.interrupted else ""
        if not why and self._is_over:
            why = f"could not be told apart in {MOST_COMPARISONS} comparisons"
        if not suspects:
            text = f"{packages} lost it as far as can be judged, for without it the speedup is as it was"
            alone = f"with nothing else from {self._upgrade.environment} it {why or 'cannot be judged'}"
            found.add(f"{_name(loss)}: {text}; {alone}")
        elif answer.together:
            found.add(f"{_name(loss)}: it takes several of these, no single one lost it: {suspects}")
        else:
            start = f"{packages}, together with one of these," if packages else "one of these"
            narrowed = bool(packages) or len(answer.suspects) < len(self.changes)
            found.add(f"{_name(loss)}: {start} lost it; they {why or _APART}: {suspects}", narrowed=narrowed)

    def _in_words(self, reason: str, where: str) -> str:
        """Return a sentence of a step with the name of its mixed environment in place of the folder."""
        mixed = str(self._scratch / "mixed")
        if self._is_same_code:  # the commit is this one: to name it says nothing
            reason = reason.replace(f"{self._commit[:10]} with the packages of {mixed}", where)
        return reason.replace(mixed, where)

    def _where(self, chosen: Collection[str]) -> str:
        """Return the name in sentences of an environment that has these packages from the old one."""
        names = [change.before for key, change in self.changes.items() if key in chosen]
        return f"this environment with {_listed(names)}" if names else "this environment"

    def _by_weight(self, loss: Loss) -> list[Change]:
        weights = self._weights(loss)
        return sorted(self.changes.values(), key=lambda change: -weights[change.key])

    def _weights(self, loss: Loss) -> Mapping[str, float]:
        """Return how likely each package is to have lost a speedup: the engine itself before all others."""
        engine = backend_entry(loss.key[1]).distributions
        own = {name for names in engine for name in names.split("|")} - {"torch"} or {"torch"}
        others = {*distributions(), PYTHON}

        def weight(key: str) -> float:
            if key in own:
                return 16.0
            if key in others:
                return 6.0
            if key in _NUMERIC or key.startswith(("nvidia-", "openvino")):
                return 3.0
            return 0.2 if key in _TOOLS or key.startswith("pytest") else 1.0

        return {key: weight(key) for key in self.changes}


_APART = "cannot be judged apart"
_SEEN = {LOST: "the loss is seen", KEPT: "no loss", UNKNOWN: "cannot be judged"}


def _key(record: Mapping[str, Any]) -> Key:
    return record["case"], record["backend"]


def _change(verdict: Mapping[str, Any]) -> float:
    return float((verdict.get("change") or {}).get("high") or 0.0)


def _name(loss: Loss) -> str:
    return " on ".join(loss.key)


def _listed(names: Sequence[str], most: int = 5) -> str:
    """Return names as a list that a sentence can hold.

    >>> _listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"
