"""Make the archive of a bug report: gather its files, look for what may not be said, and put it in place whole."""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.issue import script, words
from pytest_formfunc.issue.chosen import Chosen
from pytest_formfunc.issue.model import Shared, form_of, share_model
from pytest_formfunc.issue.secrets import Secrets, cleaned, secrets_of
from pytest_formfunc.measure.scratch import OwnFolder, sweep_runs
from pytest_formfunc.paths import exists, is_folder
from pytest_formfunc.records import Record
from pytest_formfunc.records.record import NAMES

_NOT_SAID = ("artifact",)  # of a record: a digest of weights, and of what they were made of
_SOMEBODY = "the other revision"
_ANYWAY = ("README", "record", "versions", "machine", "json", "txt", "pip", "install")


def write_issue(chosen: Chosen, output: Path, cache: Path, *, with_weights: bool) -> Shared:
    """Write the archive of a row.

    Args:
        chosen: the row.
        output: the archive's path.
        cache: folder of all artifacts.
        with_weights: whether a user's weights are shared.

    Raises:
        BadInput: there is such a file already, it cannot be written there, or the model is gone.
        MeasurementError: the model cannot be converted, or written so that it runs as the original does.
        FormfuncError: something in it would say who made it, or where.
    """
    check_output(output)
    sweep_runs()
    scratch = OwnFolder()
    try:
        folder = scratch.path / "report"
        folder.mkdir()
        form = form_of(chosen.record)
        secrets = secrets_of([cache], [*_ANYWAY, *NAMES, *(script.words_of(form) if form else ())])
        shared = share_model(chosen, form, folder, cache, scratch.path, secrets.mask, with_weights=with_weights)
        files = sorted(file.name for file in folder.iterdir())
        said = _cleaned(chosen, secrets)
        for name, text in _texts(said, shared, files).items():
            (folder / name).write_text(secrets.clean(text) if name.endswith(".md") else text, encoding="utf-8")
        _check(folder, shared, secrets)
        _put(folder, output)
    finally:
        scratch.close()
    return shared


def check_output(output: Path) -> None:
    """Make sure that an archive can be written, and that nothing is there yet.

    Raises:
        BadInput: it cannot, or something is.
    """
    if exists(output) or output.is_symlink():
        raise BadInput(f"{output} is there already: name another file with --output")
    if output.suffix != ".zip":
        raise BadInput(f"output {output} must end in .zip")
    folder = output.absolute().parent
    if not is_folder(folder):
        raise BadInput(f"{output} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{output} cannot be written: you may not write to {folder}")


def file_name(record: Record) -> str:
    """Return the name that an archive has by default."""
    names = (Path(record.case).name, record.backend)
    case, backend = (re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") for name in names)
    return f"issue-{case[:100]}-{backend}.zip"


def _cleaned(chosen: Chosen, secrets: Secrets) -> Chosen:
    """Return the row without what says who made it, and without what names another revision."""

    def clean(record: Record | None) -> Record | None:
        if record is None:
            return None
        if record.against is not None:
            revision = record.against.revision
            record = replace(record, against=replace(record.against, revision=_SOMEBODY, commit=""))
            if record.verdict is not None and revision:
                reason = re.sub(rf"(?<!\w){re.escape(revision)}(?!\w)", _SOMEBODY, record.verdict.reason)
                record = replace(record, verdict=replace(record.verdict, reason=reason))
        return Record.from_json(cleaned(record.to_json(), secrets, frozenset(NAMES)))

    own = clean(chosen.record)
    assert own is not None
    return Chosen(own, clean(chosen.native), "")


def _texts(said: Chosen, shared: Shared, files: list[str]) -> dict[str, str]:
    """Return the archive's texts by their names."""
    host = dict(said.record.host)
    versions = {"run": host.pop("versions", {}), "report": shared.versions}
    record = {name: value for name, value in said.record.to_json().items() if name not in _NOT_SAID}
    texts = {
        "README.md": words.render(said, shared, files),
        "record.json": _json(record),
        "versions.json": _json(versions),
        "machine.json": _json(host),
    }
    if shared.form is not None:
        texts[script.NAME] = script.render_script(shared.form, shared.inputs)
    return texts


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _check(folder: Path, shared: Shared, secrets: Secrets) -> None:
    """Look for what may not be said in every file.

    Raises:
        FormfuncError: something is left.
    """
    raw = shared.form.weights if shared.form is not None else ()
    for file in sorted(folder.iterdir()):
        if what := secrets.found_in(file.read_bytes(), raw=file.name.endswith(raw)):
            raise FormfuncError(f"no archive is written: {file.name} would hold {what}; rename what it is a part of")


def _put(folder: Path, output: Path) -> None:
    """Pack the files, and put the archive in place whole, where nothing is yet.

    Raises:
        BadInput: something is there by now, or it cannot be written.
    """
    beside = output.absolute().with_name(f".{output.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(beside, "x", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                entry = zipfile.ZipInfo(file.name)  # with no time, and nobody's rights
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with file.open("rb") as content, archive.open(entry, "w", force_zip64=True) as packed:
                    while chunk := content.read(2**20):
                        packed.write(chunk)
        _link(beside, output)
    except FileExistsError:
        raise BadInput(f"{output} is there already: name another file with --output") from None
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _link(made: Path, output: Path) -> None:
    """Give a file its name, unless something has it.

    Raises:
        FileExistsError: something has it.
        OSError: it cannot be done.
    """
    try:
        os.link(made, output)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if exists(output):
            raise FileExistsError from None
        os.replace(made, output)
