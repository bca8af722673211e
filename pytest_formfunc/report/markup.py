"""Tables and text as HTML, into which no name can put anything of its own."""

from __future__ import annotations

import html
from collections.abc import Sequence

from pytest_formfunc.text import printable


def table(head: Sequence[Sequence[str]], body: Sequence[Sequence[str]], kind: str = "speedups") -> str:
    """Render a table, given the rows of its head and of its body, and its class in the page's style."""
    return f'<table class="{kind}"><thead>{_rows(head, "th")}</thead><tbody>\n{_rows(body, "td")}</tbody></table>\n'


def text(plain: str) -> str:
    """Render text."""
    return html.escape(printable(plain))


def _rows(rows: Sequence[Sequence[str]], cell: str) -> str:
    return "".join("<tr>" + "".join(f"<{cell}>{text(one)}</{cell}>" for one in row) + "</tr>\n" for row in rows)
