"""What a bug report may not say: who made it, where, and on which machine; take it out of texts, and look for it."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FEWEST_LETTERS = 4  # of a name that tells somebody; shorter ones are parts of too many words
_COMMON = {
    "root", "user", "users", "admin", "administrator", "ubuntu", "debian", "fedora", "runner", "build", "builder",
    "test", "tests", "tester", "docker", "podman", "jenkins", "github", "gitlab", "nobody", "guest", "default",
    "local", "localhost", "localdomain", "host", "home", "work", "worker", "workspace", "node", "model", "data",
    "python", "torch", "numpy", "openvino", "onnxruntime", "onnx", "float", "linux", "intel",
}  # fmt: skip
_GONE = "removed"
# A path from the root of the file system, of which the last part is kept.
_PATH = re.compile(r"(?<![\w.:/)\]~-])/(?:[\w.+@~-]+/)+([\w.+@~-]+)")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\bgit@\S+:\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Secrets:
    """What may not be said.

    Attributes:
        paths: folders of this user; the longest first.
        names: names of the user and the machine.
    """

    paths: tuple[str, ...]
    names: tuple[str, ...]

    def clean(self, text: str) -> str:
        """Return a text without these, without addresses, and without the folders of any absolute path."""
        text = _URL.sub(_GONE, self.mask(text))
        return _PATH.sub(r"\1", text)

    def mask(self, text: str) -> str:
        """Return a text with these replaced and nothing else."""
        for path in self.paths:
            text = re.sub(rf"{re.escape(path)}(?![\w-])/?", "", text)
        for name in self.names:
            text = re.sub(_word(name), _GONE, text)
        return text

    def found_in(self, content: bytes, *, raw: bool = False) -> str:
        """Return what kind of them a file's content has, in words; nothing if it has none.

        Args:
            content: the content.
            raw: whether it is numbers, in which a short name occurs by chance.
        """
        for path in self.paths:
            if re.search(rf"{re.escape(path)}(?![\w-])".encode(errors="surrogateescape"), content):
                return "the path of a folder of yours"
        for name in () if raw else self.names:
            if re.search(_word(name).encode(), content):
                return "the name of its user or its machine"
        return ""


def secrets_of(folders: Iterable[Path] = (), words: Sequence[str] = ()) -> Secrets:
    """Return what this user and this machine may not be told by.

    Args:
        folders: further folders of the user, such as that of the cache.
        words: words that a report has anyway, and that are no secret.
    """
    try:
        home = os.path.expanduser("~")
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without an entry, as in some containers
        home, user = os.environ.get("HOME", ""), os.environ.get("USER", "")
    known = [Path(home), Path.cwd(), Path(os.environ.get("PWD", "/")), *(one.absolute() for one in folders)]
    paths = {str(form) for one in known for form in (one, one.resolve()) if len(form.parts) > 1}
    host = socket.gethostname()
    names = {user, os.environ.get("SUDO_USER", ""), host, host.partition(".")[0], Path(home).name}
    told = _COMMON | {one.casefold() for one in words}
    secret = {one for one in names if len(one) >= FEWEST_LETTERS and one.casefold() not in told}
    longest = {"key": len, "reverse": True}
    return Secrets(tuple(sorted(paths, **longest)), tuple(sorted(secret, **longest)))  # type: ignore[call-overload]


def cleaned(value: Any, secrets: Secrets, kept: frozenset[str] = frozenset()) -> Any:
    """Return plain data with all its texts cleaned, names of fields too, but for those that are ``kept``."""
    if isinstance(value, str):
        return secrets.clean(value)
    if isinstance(value, Mapping):
        return {
            name if name in kept else secrets.clean(str(name)): cleaned(one, secrets, kept)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [cleaned(one, secrets, kept) for one in value]
    return value


def _word(name: str) -> str:
    """Return the pattern of a name that stands by itself."""
    return rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
