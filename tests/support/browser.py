"""A page in a headless Chromium: what a script finds in it, at a width, on a light or a dark screen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
LIMIT_S = 120
# Errors that the page's scripts meet, before any of them runs.
WATCH = """<script>
window.problems = [];
addEventListener("error", (event) => problems.push(event.message || "an element could not be loaded"), true);
addEventListener("unhandledrejection", (event) => problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => problems.push("asks for " + event.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...what) => problems.push(what.join(" "));
</script>"""
# The page is in a frame, because a window cannot be as narrow as a telephone.
OUTER = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="border:0" width="{width}" height="2000"></iframe><pre id="found"></pre>
<script>
const frame = document.getElementById("frame");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const until = async (holds) => {{ for (let n = 0; n < 300 && !holds(); n++) await wait(50); }};
frame.onload = async () => {{
  let found;
  try {{
    const view = frame.contentWindow, page = frame.contentDocument;
    await until(() => page.documentElement.dataset.drawn);
    found = await (async () => {{ {script} }})();
    found = {{ ...found, problems: view.problems }};
  }} catch (error) {{ found = {{ broken: String(error) }}; }}
  document.getElementById("found").textContent = JSON.stringify(found);
}};
frame.srcdoc = {page};
</script>"""


def path() -> str | None:
    """Return where a Chromium is; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def need() -> str:
    """Return where a Chromium is; without one skip the test, or fail it where the environment asks for it."""
    if found := path():
        return found
    if os.environ.get("FORMFUNC_TESTS_NEED_BROWSER"):
        pytest.fail("there is no Chromium on the path, and FORMFUNC_TESTS_NEED_BROWSER is set")
    pytest.skip("there is no Chromium on the path")


def look(page: Path, folder: Path, script: str, *, width: int = 1000, dark: bool = False) -> dict:
    """Open a page, wait until it is drawn, run a script in it, and return what it returns and its ``problems``.

    Args:
        page: the file.
        folder: an existing folder for the browser's files.
        script: the body of an async function; ``page`` is the document, ``view`` its window, `wait(ms)` waits.
        width: of the page in pixels.
        dark: whether the screen prefers dark pages.
    """
    browser = need()
    text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{WATCH}", 1)
    inner = json.dumps(text).replace("<", "\\u003c")
    outer = folder / f"outer-{width}-{dark}.html"
    outer.write_text(OUTER.format(width=width, script=script, page=inner), encoding="utf-8")
    done = subprocess.run(
        [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
            f"--window-size={max(width, 500)},2000", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--virtual-time-budget=30000", "--dump-dom", outer.as_uri(),
        ],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-500:] + done.stderr[-2000:]
    assert found[1], f"the page's script did not end\n{done.stderr[-2000:]}"
    return json.loads(unescape(found[1]))


def print_out(page: Path, folder: Path) -> bytes:
    """Return a page as the browser prints it: a PDF."""
    target = folder / "page.pdf"
    subprocess.run(
        [
            need(), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'printing'}",
            "--virtual-time-budget=30000", f"--print-to-pdf={target}", page.as_uri(),
        ],
        capture_output=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    return target.read_bytes()
