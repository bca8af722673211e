"""Run the steps of a GitHub action or job here: ``run`` in bash, with what the expressions of its ``env`` come to.

Steps with ``uses`` are other people's actions: they are not run, and what they would be given is noted.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.S)
_NAME = re.compile(r"\b(?:inputs|steps|github|matrix)\.[\w.-]+")


@dataclass
class Job:
    """What the steps of one job share.

    Attributes:
        folder: the workspace.
        environment: of its processes.
        github: the context of that name.
        matrix: the context of that name.
        files: where GitHub's files of outputs and of the summary are.
        used: for each step with ``uses`` that would run, the action and its inputs.
        text: what its steps have printed.
        failed: name of the first step that failed.
        code: exit code of that step.
    """

    folder: Path
    environment: dict[str, str]
    files: Path
    github: dict[str, Any] = field(default_factory=dict)
    matrix: dict[str, Any] = field(default_factory=dict)
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""
    failed: str = ""
    code: int = 0

    @property
    def summary(self) -> str:
        path = self.files / "summary"
        return path.read_text() if path.is_file() else ""

    def action(self, path: Path, *, without: tuple[str, ...] = (), **inputs: str) -> dict[str, str]:
        """Run a composite action, without steps of some names; return its outputs. Inputs have underscores here."""
        document = yaml.safe_load(path.read_text())
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(given) <= set(document["inputs"])
        defaults = {name: self.fill(one.get("default", ""), {}, {}) for name, one in document["inputs"].items()}
        values = defaults | given
        self.environment["GITHUB_ACTION_PATH"] = str(path.parent)
        steps = [step for step in document["runs"]["steps"] if step["name"] not in without]
        names = self.steps(steps, values)
        outputs = document.get("outputs", {})
        return {name: self.fill(one["value"], values, names) for name, one in outputs.items()}

    def steps(self, steps: list[dict[str, Any]], inputs: dict[str, str] | None = None) -> dict[str, Any]:
        """Run steps in their order, those whose condition holds; return the context ``steps``."""
        inputs, names = inputs or {}, {}
        for number, step in enumerate(steps):
            if not self._holds(step.get("if"), inputs, names):
                continue
            outputs: dict[str, str] = {}
            if "uses" in step:
                given = {key: self.fill(value, inputs, names) for key, value in step.get("with", {}).items()}
                self.used.append((step["uses"], given))
                outcome = "success"
            else:
                outcome = self._run(step, number, inputs, names, outputs)
            if "id" in step:
                names[step["id"]] = {"outputs": outputs, "outcome": outcome}
        return names

    def _run(self, step, number, inputs, names, outputs):
        written = self.files / f"output-{number}"
        written.write_text("")
        variables = {key: self.fill(value, inputs, names) for key, value in step.get("env", {}).items()}
        folder = self.folder / self.fill(step.get("working-directory", "."), inputs, names)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=folder, capture_output=True, text=True, check=False, timeout=500,
            env=self.environment | variables | {"GITHUB_OUTPUT": str(written), "GITHUB_STEP_SUMMARY": str(self.files / "summary")},
        )  # fmt: skip
        self.text += done.stdout + done.stderr
        outputs |= dict(line.split("=", 1) for line in written.read_text().splitlines())
        if done.returncode and not self.failed:
            self.failed, self.code = step.get("name", step["run"]), done.returncode
        return "failure" if done.returncode else "success"

    def _holds(self, condition, inputs, names):
        """Return whether a step runs: by default while none has failed."""
        if condition is None:
            return not self.failed
        text = condition.strip().removeprefix("${{").removesuffix("}}")
        asks = "cancelled()" in text or "always()" in text
        return (asks or not self.failed) and bool(self.evaluate(text, inputs, names))

    def fill(self, text, inputs, names) -> str:
        """Return a text with its expressions replaced by what they come to."""
        return _EXPRESSION.sub(lambda found: str(self.evaluate(found[1], inputs, names)), str(text))

    def evaluate(self, text, inputs, names):
        """Return what an expression comes to: names, comparisons, and, or, not; an absent name is an empty text."""
        contexts = {"inputs": inputs, "steps": names, "github": self.github, "matrix": self.matrix}

        def value(found):
            at = contexts
            for part in found[0].split("."):
                at = at.get(part, "") if isinstance(at, dict) else ""
            return repr(at)

        python = _NAME.sub(value, text.strip())
        python = python.replace("!cancelled()", "True").replace("always()", "True")
        python = python.replace("&&", " and ").replace("||", " or ")
        return eval(python, {"__builtins__": {}})
