"""Tables and text as HTML, into which no name can put anything of its own."""

from __future__ import annotations

import html
from collections.abc import Sequence

from pytest_formfunc.text import printable


class Row(str):
    """A row of a table that is HTML already."""

    __slots__ = ()


def table(head: Sequence[Sequence[str]], body: Sequence[Sequence[str]], kind: str = "speedups") -> str:
    """Render a table, given the rows of its head and of its body, and its class in the page's style."""
    return (
        f'<div class="scroll"><table class="{kind}"><thead>{_rows(head, "th")}</thead><tbody>\n{_rows(body, "td")}'
        "</tbody></table></div>\n"
    )


def row(cells: Sequence[str], attributes: str) -> Row:
    """Render a row of a table's body with attributes, which must be HTML already."""
    return Row(f"<tr {attributes}>{_cells(cells, 'td')}</tr>\n")


def text(plain: str) -> str:
    """Render text."""
    return html.escape(printable(plain))


def _rows(rows: Sequence[Sequence[str]], cell: str) -> str:
    return "".join(one if isinstance(one, Row) else f"<tr>{_cells(one, cell)}</tr>\n" for one in rows)


def _cells(cells: Sequence[str], cell: str) -> str:
    return "".join(f"<{cell}>{text(one)}</{cell}>" for one in cells)
