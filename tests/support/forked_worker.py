"""xdist workers that are forks of a process which has imported pytest and the engines, in place of new interpreters.

Starting one takes two to three seconds of a core, nearly all of them for imports. They are forked before pytest begins
in their controller, while it has one thread and nothing of the user's; `take` makes execnet use them. A worker that is
started for another that died is a new interpreter, as ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from support.child import Child
from support.forked_server import fork_template

_waiting: list[ForkedWorker] = []


def number_of(args: Sequence[str]) -> int:
    """Return how many workers the arguments of a run ask for."""
    args = list(args)
    return int(args[args.index("-n") + 1]) if "-n" in args else 0


def fork_workers(count: int, *, quick: bool) -> None:
    """Fork so many; those of a ``quick`` run have a measuring server that is a fork, too."""
    for _ in range(count):
        _waiting.append(ForkedWorker(quick))
    if count:
        _use_them()


class ForkedWorker(Child):
    """The child, and this process' handle of it; the part of ``subprocess.Popen`` that execnet uses."""

    def __init__(self, quick: bool) -> None:
        super().__init__()
        its_input, write_end = os.pipe()
        read_end, its_output = os.pipe()
        self.fork(lambda: _become_a_worker(its_input, its_output, quick))
        os.close(its_input)
        os.close(its_output)
        self.stdin, self.stdout = os.fdopen(write_end, "wb", 0), os.fdopen(read_end, "rb", 0)


def _use_them() -> None:
    import execnet.gateway_io as io

    started = io.Popen2IOMaster.__init__

    def start(self: io.Popen2IOMaster, args: list[str], execmodel: object) -> None:
        if not _waiting or args[1:] != ["-u", "-c", io.popen_bootstrapline]:
            started(self, args, execmodel)
            return
        self.popen = _waiting.pop(0)
        io.Popen2IO.__init__(self, self.popen.stdin, self.popen.stdout, execmodel=execmodel)

    io.Popen2IOMaster.__init__ = start


def _become_a_worker(its_input: int, its_output: int, quick: bool) -> None:
    """Wait for what execnet sends to a new interpreter, and do it."""
    os.dup2(its_input, 0)
    os.dup2(its_output, 1)
    os.closerange(3, 4096)
    sys.stdin, sys.stdout = (os.fdopen(number, mode, closefd=False) for number, mode in ((0, "r"), (1, "w")))
    if quick:
        fork_template()
    sys.argv = ["-c"]
    with contextlib.suppress(SyntaxError):  # an empty line: the controller ended and has not used this one
        exec(eval(sys.stdin.readline()), {"__name__": "__main__"})
