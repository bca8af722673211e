"""A real sshd on 127.0.0.1, with keys and a configuration of its own, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "formfunc-loopback"  # its name in the client's configuration


def find_sshd() -> str | None:
    """Return the path of sshd, which is in no user's PATH; None where it is not installed."""
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def running_sshd(folder: Path) -> Iterator[Path]:
    """Run sshd; give the client's configuration, in which the host's name is `HOST`."""
    sshd = find_sshd()
    assert sshd is not None
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'user.pub'}\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"PidFile {folder / 'pid'}\nMaxStartups 30\nSetEnv PYTHONPATH={Path(__file__).parents[1]}\n"
    )
    client = folder / "ssh_config"
    client.write_text(
        f"Host {HOST}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder / 'user'}\n  IdentitiesOnly yes\n"
        "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  BatchMode yes\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it drops its privileges
    server = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=(folder / "log").open("w"))
    try:
        _wait(port, server)
        yield client
    finally:
        server.terminate()
        server.wait()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert server.poll() is None, "sshd ended: see the file log in its folder"
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd does not answer")
