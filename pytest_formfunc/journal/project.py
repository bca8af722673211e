"""The name of a project, which is the same on all machines that have a copy of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def project_name(root: Path) -> str:
    """Return the name of a repository's ``origin``, as its address has it, or else that of its folder.

    Args:
        root: pytest's root folder.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "config", "--get", "remote.origin.url"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return root.name
    return name_in_address(done.stdout.strip()) or root.name


def name_in_address(address: str) -> str:
    """Return the last part of the address of a repository.

    >>> name_in_address("git@example.org:people/nets.git"), name_in_address("https://example.org/people/nets/")
    ('nets', 'nets')
    """
    parts = [part for part in re.split(r"[/:\\\\]", address) if part]
    return parts[-1].removesuffix(".git") if parts else ""
