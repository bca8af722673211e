"""Memory that processes reserve from each other; the processes are other objects, whose files are locked alike."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

from pytest_formfunc.measure.reservations import Reservations

HOLD = """
    import sys
    from pathlib import Path
    from pytest_formfunc.measure.reservations import Reservations
    with Reservations(Path(sys.argv[1]), lambda: 100).reserve(int(sys.argv[2])):
        print("holds", flush=True)
        sys.stdin.read()
"""


def reservations(folder, free=100, said=None):
    return Reservations(folder, lambda: free, (lambda text: None) if said is None else said.append)


def test_what_fits_together_is_held_together(tmp_path):
    with reservations(tmp_path).reserve(60), reservations(tmp_path).reserve(40):
        assert len([*tmp_path.glob("memory-*")]) == 2
    assert [*tmp_path.glob("memory-*")] == []


def test_what_does_not_fit_beside_others_waits(tmp_path):
    """And says so."""
    said, times = [], {}

    def second():
        with reservations(tmp_path, said=said).reserve(50):
            times["taken"] = time.monotonic()

    with reservations(tmp_path).reserve(60):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.4)
        assert not times
        times["left"] = time.monotonic()
    thread.join()
    assert times["taken"] > times["left"]
    assert said == ["waiting: other runs on this machine need the memory", ""]


def test_what_is_free_is_what_was_free_before_anybody_took_it(tmp_path):
    """The system's figure falls as the first one fills its part: that is not counted twice."""
    said = []
    with reservations(tmp_path, free=100).reserve(60), reservations(tmp_path, free=45, said=said).reserve(40):
        assert len([*tmp_path.glob("memory-*")]) == 2
    assert said == []


def test_alone_nothing_is_waited_for(tmp_path):
    """Whether it fits at all is checked elsewhere; unknown sizes reserve nothing."""
    with reservations(tmp_path).reserve(1000), reservations(tmp_path).reserve(None), reservations(tmp_path).reserve(0):
        assert len([*tmp_path.glob("memory-*")]) == 1


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), tmp_path, "90"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout.readline() == "holds\n"
    assert len([*tmp_path.glob("memory-*")]) == 1
    process.kill()
    process.wait()
    with reservations(tmp_path).reserve(90):
        assert len([*tmp_path.glob("memory-*")]) == 1


def test_without_a_place_nothing_is_shared(tmp_path):
    (tmp_path / "file").write_text("")
    said = []
    place = Path(tmp_path / "file" / "folder")
    with reservations(place, said=said).reserve(60), reservations(place, said=said).reserve(60):
        assert not place.exists()
    assert said == []
