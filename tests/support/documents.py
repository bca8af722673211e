"""The fenced blocks of the documents, and the commands that are in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_STARTS = ("pytest ", "pytest-formfunc ", "make ", "pip ", "taskset ", "FORMFUNC_", ".ci/")


def blocks(language=""):
    """Return the texts of all blocks in a language, each with its page's name."""
    return [
        (page.name, found[2])
        for page in PAGES
        for found in re.finditer(r"^```(\S*)\n(.*?)^```", page.read_text(), re.S | re.M)
        if found[1] == language
    ]


def commands(*starts):
    """Return the page and the text of each command that begins so, without comments and prefixes, in its order."""
    found = []
    for page, text in blocks():
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            if not line.startswith(_STARTS):
                continue
            command = re.split(r"\s+# ", line)[0].strip()
            command = re.sub(r"^(?:taskset -c \S+ |FORMFUNC_\w+=\S+ )+", "", command)
            if command.startswith(starts):
                found.append((page, command))
    return list(dict.fromkeys(found))
