"""What the documents say of names is so."""

import re
import shlex
from pathlib import Path

import pytest
from support.records import full_record

from pytest_formfunc.option_specs import OPTIONS

ROOT = Path(__file__).parent.parent


def test_every_name_that_is_written_is_documented():
    """docs/record.md and the record agree, both ways."""
    text = (ROOT / "docs" / "record.md").read_text()
    documented = set()
    for line in text.splitlines():
        if line.startswith("| `"):
            documented |= set(re.findall(r"`(\w+)`", line.split("|")[1]))
    assert set(full_record().to_json()) == documented


def test_options_that_documents_name_exist():
    """No document speaks of an option that is not there."""
    known = {f"--formfunc-{spec.name}" for spec in OPTIONS} | {"--formfunc-list"}
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"--formfunc-[a-z]+(?:-[a-z]+)*", path.read_text()))
        assert named <= known, path


@pytest.mark.engine("onnx", "transformers")
def test_models_that_documents_name_can_be_written_so(tmp_path, monkeypatch):
    """Each example of docs/models.md parses: models, inputs, and options that go with them."""
    import torch
    from support.model_files import bert_folder, encoder_onnx, exported_program

    from pytest_formfunc.settings import read_settings

    monkeypatch.chdir(tmp_path)
    encoder_onnx(tmp_path / "net.onnx")
    torch.export.save(exported_program(), tmp_path / "net.pt2")
    bert_folder(tmp_path / "my-bert")
    (tmp_path / "net.xml").write_text("<net><layers/></net>")
    (tmp_path / "net.bin").write_bytes(b"")
    defaults = {spec.key: spec.default for spec in OPTIONS}
    commands = [line for line in (ROOT / "docs" / "models.md").read_text().splitlines() if line.startswith("pytest ")]
    assert len(commands) >= 7
    for command in commands:
        words = iter(shlex.split(command)[2:])
        given = {}
        for word in words:
            key = word.removeprefix("--formfunc-").replace("-", "_")
            given[key] = "true" if key == "pretrained" else next(words)
        if given["model"] == "net.onnx":  # whose sizes are its own: the one made here leaves some open
            given["input"] = "1x8"
        settings = read_settings({**defaults, **given}, root=tmp_path, in_ci=False)
        assert settings.cases(), command


@pytest.mark.parametrize(
    "name", ["tests/README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/measuring.md", "docs/extending.md"]
)
def test_files_that_documents_name_exist(name):
    """A map that names what has moved leads astray."""
    text = (ROOT / name).read_text()
    named = re.findall(r"`((?:[\w.]+/)*[\w.]+\.(?:py|md|toml|yml))`", text)
    assert named
    folders = [ROOT, ROOT / "pytest_formfunc", ROOT / "docs", (ROOT / name).parent, ROOT / "tests" / "support",
               ROOT / "pytest_formfunc" / "plugin"]  # fmt: skip
    lost = [path for path in named if not any((folder / path).is_file() for folder in folders)]
    assert [path for path in lost if not path.startswith(("conftest", "mypkg"))] == []


def test_the_map_of_the_tests_has_every_file():
    """Whatever is changed, tests/README.md says what to run."""
    text = (ROOT / "tests" / "README.md").read_text()
    files = [path for path in (ROOT / "pytest_formfunc").rglob("*.py") if path.name != "__init__.py"]
    names = [str(path.relative_to(ROOT / "pytest_formfunc")) for path in files]
    whole = (
        "backends/",
        "measure/instruments/",
        "function/lints/",
        "forms/architectures/",
        "forms/patterns/",
        "report/",
        "stats/",
    )
    lost = [name for name in names if f"`{name}`" not in text and not name.startswith(whole)]
    assert lost == [], "name it in tests/README.md"
