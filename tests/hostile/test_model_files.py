"""Model files and samples from elsewhere: no code of theirs is run, and what is damaged is refused with one sentence."""

import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from support.hostile import damaged, fuzz
from support.model_files import encoder_onnx, exported_program

from pytest_formfunc.calibration import check_calibration
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.onnx_file import read_onnx
from pytest_formfunc.forms.programs import ProgramSource, check_program

pytestmark = pytest.mark.engine


class Runs:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def save_program(path):
    torch.export.save(exported_program(), path)
    return path


def rewritten(program, to, change):
    """Write a copy of an exported program whose entries a function changes; it takes and returns a dict by name."""
    with zipfile.ZipFile(program) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in change(entries).items():
            archive.writestr(name, content)
    return to


def pickled(path):
    made = io.BytesIO()
    torch.save(Runs(path), made)
    return made.getvalue()


def old_format(entries, ran):
    """The files of torch before 2.8 beside a new program's, for which torch falls back to its old reader."""
    old = {"version": b"8.8", "serialized_exported_program.json": b"{}", "serialized_constants.pt": pickled(ran),
           "serialized_state_dict.pt": pickled(ran), "serialized_example_inputs.pt": pickled(ran)}  # fmt: skip
    kept = {name: one for name, one in entries.items() if name.endswith(("archive_format", "sample_inputs/model.pt"))}
    return {**old, **kept}


CHANGES = {
    "old format": old_format,
    "second example": lambda entries, ran: {
        name.replace("sample_inputs/model.pt", "sample_inputs/a.pt"): one for name, one in entries.items()
    } | {name: pickled(ran) for name in entries if name.endswith("sample_inputs/model.pt")},
    "example": lambda entries, ran: entries | {name: pickled(ran) for name in entries if "sample_inputs" in name},
    "library": lambda entries, ran: entries | {
        f"{next(iter(entries)).partition('/')[0]}/data/aotinductor/model/a.so": b"\x7fELF"
    },
    "weights": lambda entries, ran: entries | {
        f"{next(iter(entries)).partition('/')[0]}/data/weights/a.pt": pickle.dumps(Runs(ran))
    },
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_that_holds_code_is_refused_and_none_of_it_runs(tmp_path, change):
    ran = tmp_path / "ran"
    good = save_program(tmp_path / "good.pt2")
    assert ProgramSource(str(good)).build().module is not None
    bad = rewritten(good, tmp_path / "bad.pt2", lambda entries: CHANGES[change](entries, ran))
    with pytest.raises(BadInput):
        ProgramSource(str(bad)).build()
    assert not ran.exists()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder, and the bytes of a good file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "a.npy", np.ones((4, 3), np.float32))
    np.savez(folder / "a.npz", x=np.ones((4, 3), np.float32))
    save_program(folder / "a.pt2")
    encoder_onnx(folder / "a.onnx")
    return folder, {path.suffix: path.read_bytes() for path in folder.iterdir()}


READERS = {".npy": check_calibration, ".npz": check_calibration, ".pt2": check_program, ".onnx": read_onnx}


@pytest.mark.parametrize("suffix", READERS)
def test_damaged_files(files, suffix):
    folder, contents = files
    path = folder / f"bad{suffix}"

    @fuzz
    @given(content=damaged(contents[suffix]))
    def check(content):
        path.write_bytes(content)
        with contextlib.suppress(BadInput):
            READERS[suffix](path)

    check()
