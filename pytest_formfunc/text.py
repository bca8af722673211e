"""Names from files as text for a terminal, Markdown, a spreadsheet, and the log of a GitHub workflow.

A saved run, a journal or a model file may come from anybody. What it calls a case must not move the cursor, end a
table, or be a command to the program that shows it.
"""

from __future__ import annotations

import re
import unicodedata

# Other, format: invisible, and some turn the order of letters around. Zero-width joiners are in names people write.
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_KEPT = "\u200c\u200d"
# Punctuation that Markdown, or GitHub's kind of it, gives a meaning to within a line.
_MARKUP = re.compile(r"([\\`*\[\]|<>&@~$!])")
_LINK = re.compile(r"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)")  # GitHub makes links of these
# What GitHub makes a mention or a reference of, also where a character is written as an entity: only something between
# the sign and the name stops it, here a space without width.
_NOTHING = "&#8203;"
_REFERENCE = re.compile(r"(?i)(#|\bGH-)(\d)")
_COMMAND = re.compile(r"^(\s*):(?=:)")


def printable(text: str) -> str:
    r"""Return a text whose control characters, and others that nobody sees, are written out.

    >>> printable("a\x1b[2Jb\nc")
    'a\\x1b[2Jb\\nc'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter
        if letter in _KEPT or unicodedata.category(letter) not in _INVISIBLE
        else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )


def log_line(text: str) -> str:
    r"""Return a line for a terminal or a log: printable, and no command to GitHub's runner, as ``::error::`` is one.

    >>> log_line("::error::x"), log_line("test_a.py::test_b")
    ('\\x3a:error::x', 'test_a.py::test_b')
    """
    return _COMMAND.sub(r"\1\\x3a", printable(text)).replace("##[", "#\\x23[")


def markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it is, in a cell of a table too.

    >>> markdown("a|b <i>[c](d)")
    'a\\|b \\<i\\>\\[c\\](d)'
    >>> markdown("@name, owner/name#3")
    '@&#8203;name, owner/name#&#8203;3'
    """
    shown = _REFERENCE.sub(rf"\1{_NOTHING}\2", _MARKUP.sub(r"\\\1", printable(text)))
    shown = shown.replace("\\@", f"@{_NOTHING}")
    return _LINK.sub(lambda found: found[0].replace(":", "&#58;").replace(".", "&#46;"), shown)


def spreadsheet(text: str) -> str:
    r"""Return the text of a cell that a spreadsheet does not take for a formula.

    >>> spreadsheet("=1+1"), spreadsheet("-"), spreadsheet("3.4x")
    ("'=1+1", '-', '3.4x')
    """
    shown = printable(text)
    return f"'{shown}" if len(shown) > 1 and shown[0] in "=+-@" else shown
