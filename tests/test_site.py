"""The documentation site is built without a warning, loads nothing from elsewhere, and says what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_formfunc.forms.patterns import PATTERNS
from pytest_formfunc.option_specs import MARKER_ARGUMENTS, OPTIONS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-d", folder / "trees", DOCS, folder / "html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.engine("sphinx", "myst_parser", "furo")
def test_every_page_is_built_and_reachable(site):
    pages = {str(path.relative_to(DOCS).with_suffix(".html")) for path in DOCS.rglob("*.md")}
    built = {str(path.relative_to(site)) for path in site.rglob("*.html")} - {"genindex.html", "search.html"}
    assert pages == built
    index = (site / "index.html").read_text()
    assert [page for page in pages - {"index.html"} if f'href="{page}"' not in index] == []


@pytest.mark.engine("sphinx", "myst_parser", "furo")
def test_no_page_loads_anything_from_the_network(site):
    """A link may lead elsewhere; a script, a style, a font or a picture is here."""
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text()
        loaded = re.findall(r"""<(?:script|img|iframe|source)[^>]*?\bsrc=["']?([^"' >]+)""", text)
        loaded += re.findall(r"""<link[^>]*rel=["'](?:stylesheet|preload|icon)["'][^>]*href=["']([^"']+)""", text)
        loaded += re.findall(r"""(?:url\(|@import )["']?(https?:[^"')]+|//[^"')]+)""", text)
        assert [one for one in loaded if one.startswith(("http:", "https:", "//"))] == [], path


@pytest.mark.engine("sphinx", "myst_parser", "furo")
def test_options_fixtures_markers_and_commands_are_all_there(site):
    generated = site / "generated"
    options, fixtures, markers, commands, patterns = (
        (generated / f"{name}.html").read_text() for name in ("options", "fixtures", "markers", "commands", "patterns")
    )
    assert [spec.name for spec in OPTIONS if f"--formfunc-{spec.name}</span>" not in options] == []
    names = ("formfunc", *(f"formfunc_{one}" for one in ("case", "backend", "pattern", "depth", "width")))
    assert [name for name in names if f">{name}</span>" not in fixtures] == []
    assert [name for name in MARKER_ARGUMENTS if f">{name}</span>" not in markers] == []
    assert len(re.findall(r"usage: pytest-formfunc", commands)) >= 11
    assert len(re.findall(r"<img[^>]+\.svg", patterns)) == len(PATTERNS)


@pytest.mark.engine
@pytest.mark.parametrize("name", [entry.name for entry in PATTERNS])
def test_a_drawing_shows_the_block_as_it_is(name, monkeypatch):
    """Otherwise `python docs/site/drawings.py` makes it again."""
    monkeypatch.syspath_prepend(str(DOCS / "site"))
    import drawings

    marked = re.match(r"<!-- (\w+) -->", (DOCS / "patterns" / f"{name}.svg").read_text())
    assert marked[1] == drawings.digest_of(drawings.dot_of(name))
    assert "channels out" in drawings.dot_of(name)


def test_the_picture_shows_the_table(monkeypatch):
    """Otherwise `python docs/site/answer.py` draws it again."""
    monkeypatch.syspath_prepend(str(DOCS / "site"))
    import answer

    found = answer.rows()
    assert {row["pattern"] for row in found} == {entry.name for entry in PATTERNS}
    assert answer.PICTURE.read_text().startswith(f"<!-- {answer.digest_of(found)} -->")
