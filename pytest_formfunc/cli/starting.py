"""The command that prepares a repository: a first test, settings, and a workflow, none of them over a file."""

from __future__ import annotations

import argparse
import configparser
import importlib.metadata
import keyword
import os
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest_formfunc
from pytest_formfunc.cases import DEFAULT_INPUT
from pytest_formfunc.cli.ground import Commands, say
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.factories import parse_factory
from pytest_formfunc.forms.input_specs import TYPES, Call, InputSpec, image, parse_calls
from pytest_formfunc.forms.users import FOLDER
from pytest_formfunc.forms.zoos import ZOOS
from pytest_formfunc.json_reading import parse_json
from pytest_formfunc.paths import exists, is_file, is_folder
from pytest_formfunc.revisions.checkout import top_folder

WORKFLOW = Path(".github/workflows/speedup.yml")
_NAME = "pytest-formfunc[openvino]"
_TEMPLATES = Path(__file__).parent / "templates"
_SETTINGS = {
    "formfunc_backends": ("openvino", "engines to compare with PyTorch, joined by commas"),
    "formfunc_threshold": ("10%", "the loss of speedup that turns a comparison red"),
    "formfunc_budget": ("7s", "time to measure a case; longer is surer"),
}
_FIRST = '''\
"""How much faster an engine runs our network, and whether a change loses it."""

import torch
FROM
BUILD

def test_speedup(formfunc):
    torch.manual_seed(0)
    example = EXAMPLE
    formfunc(NETWORK, example)
'''
_OWN = '''

def build():
    """Make a network; put your own in its place, with random weights or trained ones."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    ).eval()

'''


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    init = commands.add_parser(
        "init", help="write a first test, settings and a workflow for the repository you stand in, never over a file"
    )
    init.add_argument("--model", default="", metavar="MODULE:FUNCTION", help="a function of yours that makes a network")
    init.add_argument("--input", default="", metavar="SHAPES", help="what it is called with (1x3x224x224 by default)")
    init.set_defaults(run=_init)


def _init(given: argparse.Namespace) -> int:
    try:
        top = top_folder(Path.cwd())
    except BadInput:
        raise BadInput(
            f"{Path.cwd()} is in no git repository, and a change is compared with a commit: begin one by git init"
        ) from None
    folders = _import_folders(top, given.model)
    test = Path("tests" if is_folder(top / "tests") else ".") / "test_speedup.py"
    configured = pytest_settings_in(top)
    files = {
        test: first_test(given.model, given.input),
        WORKFLOW: workflow(test, top),
    }
    settings = {**({"pythonpath": folders} if folders else {}), **{name: one for name, (one, _) in _SETTINGS.items()}}
    if configured is None:
        files[Path("pytest.ini")] = _ini(settings)
    written = [path for path, text in files.items() if _write_new(top / path, text)]
    for path in files:
        say(f"{'written: ' if path in written else 'left as it is: '}{path}")
    if configured is not None:
        there = (top / configured).read_text(encoding="utf-8", errors="replace")
        lacking = {name: value for name, value in settings.items() if name not in there}
        if lacking:
            say(f"pytest's settings are in {configured}, where you may add:")
        for line in settings_lines(lacking, toml=configured.suffix == ".toml"):
            say(f"  {line}")
    if not written:
        raise BadInput("there is nothing to write: every file is there already")
    for line in _next_steps(top, test, written, own=bool(given.model)):
        say(line)
    return 0


def first_test(model: str, shapes: str) -> str:
    """Return a test file that measures a network.

    Args:
        model: ``package.module:function``, with arguments in brackets if it takes any; empty for a network of the
            file's own.
        shapes: what it is called with, as ``--formfunc-input`` has it; empty for the default.

    Raises:
        BadInput: one of them is malformed.
    """
    calls = parse_calls(shapes) if shapes else [image(DEFAULT_INPUT if model else (1, 3, 64, 64))]
    if len(calls) != 1 or calls[0] is None:
        raise BadInput(f"--input {shapes!r} gives {len(calls)} calls: give one, and add tests for the others")
    text, network = _FIRST, "build()"
    if model:
        target, arguments = parse_factory(model)
        module, _, function = target.partition(":")
        if module in (*ZOOS, FOLDER) or any(map(keyword.iskeyword, [*module.split("."), function])):
            raise BadInput(
                f"--model {model!r} is no function of yours that a test could import: "
                f"pytest-formfunc run {shlex.quote(model)} may measure it"
            )
        text = text.replace("FROM", f"from {module} import {function}").replace("BUILD\n", "\n")
        network = function + (arguments or "()")
    else:
        text = text.replace("FROM", "from torch import nn").replace("\nBUILD\n", f"\n{_OWN}")
    return text.replace("NETWORK", network).replace("EXAMPLE", _example(calls[0]))


def _example(call: Call) -> str:
    """Return the inputs of a call as Python makes them: one, several, or named ones."""
    made = [_tensor(spec.completed()) for spec in call]
    if len(made) == 1 and not call[0].name:
        return made[0]
    begin, end = "{}" if any(spec.name for spec in call) else "()"
    entries = [f'"{spec.name}": {one}' if spec.name else one for spec, one in zip(call, made, strict=True)]
    return "\n        ".join([begin, *(f"{one}," for one in entries)]) + f"\n    {end}"


def _tensor(spec: InputSpec) -> str:
    shape = ", ".join(map(str, spec.shape))
    if spec.type == "f32" and spec.fill == "random":
        return f"torch.randn({shape})"
    if spec.fill == "random" and spec.type not in ("f16", "bf16", "f64"):
        return f"torch.ones({shape}, dtype=torch.{TYPES[spec.type]})"
    makes = {"random": "randn", "ones": "ones", "zeros": "zeros"}
    if spec.fill == "range":
        return f"torch.arange({spec.shape[-1]}, dtype=torch.{TYPES[spec.type]}).expand({shape}).contiguous()"
    return f"torch.{makes[spec.fill]}({shape}, dtype=torch.{TYPES[spec.type]})"


def workflow(test: Path, top: Path) -> str:
    """Return the workflow that gates pull requests, with what installs the repository's own packages."""
    installs = ""
    if is_file(top / "requirements.txt"):
        installs += " -r requirements.txt"
    if any(is_file(top / name) for name in ("pyproject.toml", "setup.py")) and _can_be_installed(top):
        installs += " -e ."
    text = (_TEMPLATES / "workflow.yml").read_text(encoding="utf-8")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return (
        text.replace("PYTHON", python)
        .replace("REQUIREMENT", f'"{requirement()}"')
        .replace("INSTALL\n", f"{installs}\n")
        .replace("TEST", shlex.quote(test.as_posix()))
    )


def requirement() -> str:
    """Return how pip gets this version: from an index, or from the repository that it was installed from."""
    url, commit = _origin()
    return f"{_NAME} @ git+{url}@{commit}" if commit else f"{_NAME}=={pytest_formfunc.__version__}"


def _origin() -> tuple[str, str]:
    """Return the address that pip installed this package from, and the commit; nothing where it was an index.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        text = importlib.metadata.distribution("pytest-formfunc").read_text("direct_url.json") or "{}"
        found = parse_json(text)
        url, commit = str(found.get("url", "")), str(found.get("vcs_info", {}).get("commit_id", ""))
    except (importlib.metadata.PackageNotFoundError, ValueError, AttributeError):
        return "", ""
    return (url, commit) if not set(url + commit) & set("\"'$`\\ ") else ("", "")


def _can_be_installed(top: Path) -> bool:
    """Return whether a repository's pyproject.toml, or its setup.py, is that of a package."""
    if is_file(top / "setup.py"):
        return True
    found = _toml(top / "pyproject.toml")
    return "project" in found or "build-system" in found


def pytest_settings_in(top: Path) -> Path | None:
    """Return the name of the file that pytest reads its settings from in a folder; None if there is none.

    Source: https://docs.pytest.org/en/stable/reference/customize.html, in its order.
    """
    for name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"):
        if is_file(top / name):
            return Path(name)
    if "pytest" in _mapping(_toml(top / "pyproject.toml").get("tool")):
        return Path("pyproject.toml")
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(top / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_section(section):
            return Path(name)
    return None


def _toml(path: Path) -> Mapping[str, object]:
    """Return what a file holds; nothing where there is none.

    Raises:
        BadInput: it cannot be read: pytest's settings may be in it.
    """
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read, and pytest's settings may be in it: {error}") from None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _import_folders(top: Path, model: str) -> str:
    """Return what pytest has to import a model's package from: ``.`` or ``src``; empty where that is not known."""
    package = model.partition(":")[0].partition(".")[0]
    for folder in (".", "src"):
        if package and (exists(top / folder / package) or exists(top / folder / f"{package}.py")):
            return folder
    return ""


def settings_lines(settings: Mapping[str, str], *, toml: bool) -> list[str]:
    """Return settings as lines of an ini file, or of a TOML file."""
    if not toml:
        return [f"{name} = {value}" for name, value in settings.items()]
    quoted = {name: f'"{value}"' for name, value in settings.items()}
    return [f"{name} = [{value}]" if name == "pythonpath" else f"{name} = {value}" for name, value in quoted.items()]


def _ini(settings: Mapping[str, str]) -> str:
    lines = ["[pytest]"]
    for name, line in zip(settings, settings_lines(settings, toml=False), strict=True):
        lines += [f"# {_SETTINGS[name][1]}"] if name in _SETTINGS else []
        lines.append(line)
    return "\n".join([*lines, ""])


def _write_new(path: Path, text: str) -> bool:
    """Write a file, and return whether; one that is there stays as it is.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from None
    return True


def _next_steps(top: Path, test: Path, written: Sequence[Path], *, own: bool) -> list[str]:
    """Return what to do next, with paths from where the user stands."""
    here = shlex.quote(os.path.relpath(top / test))
    files = " ".join(shlex.quote(os.path.relpath(top / path)) for path in written)
    return [
        "",
        "what to do next:",
        *([] if own else [f"  put your own network into {here}"]),
        f"  pytest {here}",
        "      measures it",
        f"  git add {files} && git commit",
        "      on the default branch: a change is compared with a commit that has the test",
        f"  pytest {here} --formfunc-against HEAD",
        "      with a change that is not committed yet: says whether it loses speedup",
        *_about_origin(),
    ]


def _about_origin() -> list[str]:
    url, commit = _origin()
    if not url or commit:
        return []
    return [
        "  this package was installed from a folder: the workflow asks pip's index for version "
        f"{pytest_formfunc.__version__},",
        "      which has to be released by then; its step `Install` is where to name another source",
    ]
