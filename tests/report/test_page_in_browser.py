"""The HTML report as a browser shows it: drawn, filtered, narrow and wide, light and dark, whatever names it holds."""

import re
from dataclasses import replace

import pytest
from support.browser import look, print_out
from support.report_data import matrix, with_waterfall

from pytest_formfunc.report import charts
from pytest_formfunc.report.files import write_report

pytestmark = pytest.mark.skipif(not charts.are_possible(), reason=charts.EXTRA)

STATE = """
const shown = () => [...page.querySelectorAll("tr[data-row]")].filter((row) => !row.hidden).length;
const marks = () => page.querySelectorAll("#latency .mark-symbol.role-mark path").length;
"""
BOXES = """
const top = (one) => one.getBoundingClientRect();
const blocks = [...page.body.children].filter((one) => one.offsetHeight && getComputedStyle(one).position !== "sticky");
const over = [];
for (let n = 1; n < blocks.length; n++)
  if (top(blocks[n]).top < top(blocks[n - 1]).bottom - 1) over.push(blocks[n].outerHTML.slice(0, 80));
const wide = [...page.querySelectorAll("figure svg, figcaption, p, h2, form")]
  .filter((one) => top(one).right > view.innerWidth + 1).map((one) => one.outerHTML.slice(0, 80));
const legible = (one) => one.textContent && one.getAttribute("opacity") !== "0" && top(one).width;
const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
  && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 3;
for (const svg of page.querySelectorAll("figure svg.marks")) {{
  const texts = [...svg.querySelectorAll(".mark-text text")].filter(legible);
  const level = texts.filter((one) => !/rotate/.test(one.getAttribute("transform")));
  for (const [at, one] of level.entries())
    for (const other of level.slice(at + 1))
      if (meet(top(one), top(other))) over.push(`${{one.textContent}} | ${{other.textContent}}`);
  for (const one of texts) if (top(one).right > top(svg).right + 1) wide.push(one.textContent);
}}
return {{ over, wide, scrolls: page.documentElement.scrollWidth - view.innerWidth, width: view.innerWidth,
  figures: page.querySelectorAll("figure .chart").length, drawn: page.querySelectorAll("figure .chart svg.marks").length,
  ink: getComputedStyle(page.body).color, paper: getComputedStyle(page.body).backgroundColor,
  label: getComputedStyle(page.querySelector("figure svg .role-axis-label text")).fill }};
""".replace("{{", "{").replace("}}", "}")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a matrix of two backends, compared with another revision."""
    return write_report(with_waterfall(matrix()), tmp_path_factory.mktemp("page") / "out.html")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_it_is_drawn_without_an_error_and_nothing_overlaps(page, tmp_path, width, dark):
    """Every chart, at the width of a telephone too; text is light on dark."""
    found = look(page, tmp_path, BOXES, width=width, dark=dark)
    assert found["problems"] == []
    assert found["drawn"] == found["figures"] >= 8
    assert (found["over"], found["wide"]) == ([], [])
    assert found["scrolls"] <= 0
    ink, paper, label = (sum(map(int, _numbers(found[name]))) for name in ("ink", "paper", "label"))
    assert (ink > paper) == dark
    assert label == ink


def _numbers(colour):
    return colour.removeprefix("rgb(").removesuffix(")").split(",")


def test_a_filter_chooses_of_tables_and_of_charts(page, tmp_path):
    """By backend, then by pattern too, and all of it again."""
    found = look(page, tmp_path, STATE + """
        const choose = async (name, value) => {
          const select = page.querySelector(`select[name=${name}]`);
          select.value = value;
          select.dispatchEvent(new view.Event("change"));
          await wait(300);
        };
        const before = [shown(), marks()];
        await choose("backend", "openvino");
        const one = [shown(), marks()];
        await choose("group", "plain");
        const both = [shown(), marks(), page.getElementById("shown").textContent];
        await choose("backend", "");
        await choose("group", "");
        return { before, one, both, after: [shown(), marks()] };
    """)  # fmt: skip
    assert found["problems"] == []
    results = matrix()
    rows = [one for one in results.records.values() if not one.native]
    claimed = [one for one in rows if one.ranked_speedup]

    def count(kept):
        return [sum(map(kept, rows)), sum(map(kept, claimed))]

    tables = found["before"][0] / len(rows)  # several tables have a row for each
    assert tables in (2, 3)
    for name, kept in {
        "before": lambda one: True,
        "one": lambda one: one.backend == "openvino",
        "both": lambda one: one.backend == "openvino" and one.form["name"] == "plain",
        "after": lambda one: True,
    }.items():
        assert found[name][0] == tables * count(kept)[0], name
        assert found[name][1] == count(kept)[1], name
    assert found["both"][2] == f"6 of {len(rows)} rows"


def test_a_mark_links_to_its_row(page, tmp_path):
    """A click on a mark goes to its row of the table."""
    found = look(page, tmp_path, """
        const mark = page.querySelector("#latency .mark-symbol.role-mark path");
        const box = mark.getBoundingClientRect();
        const at = { bubbles: true, cancelable: true, view, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
        const went = [];
        page.addEventListener("click", (event) => {
          const link = event.target.closest("a");
          if (link) { went.push(link.getAttribute("href")); event.preventDefault(); }
        }, true);
        const create = page.createElement.bind(page);
        page.createElement = (name) => {
          const made = create(name);
          if (name === "a") made.addEventListener("click", (event) => { went.push(made.getAttribute("href")); event.preventDefault(); });
          return made;
        };
        for (const kind of ["pointermove", "mousemove", "pointerdown", "mousedown", "mouseup", "click"])
          mark.dispatchEvent(new view.MouseEvent(kind, at));
        await wait(500);
        return { went, rows: went.filter((one) => page.querySelector(`tr${one}`)) };
    """)  # fmt: skip
    assert len(found["rows"]) == 1, found


HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>\"'{{pwned}}<!--"


def test_a_name_cannot_put_anything_into_the_page(tmp_path):
    """As a case, a pattern, a backend, a verdict's reason and the other revision."""
    results = matrix(("plain", "dense"))
    renamed = {}
    for (case, backend), one in results.records.items():
        verdict = one.verdict and replace(one.verdict, reason=HOSTILE)
        form = {**one.form, "name": HOSTILE + one.form["name"]}
        other = backend if one.native else HOSTILE + backend
        renamed[case + HOSTILE, other] = replace(one, case=case + HOSTILE, backend=other, form=form, verdict=verdict)
    results.records = renamed
    results.comparison = replace(results.comparison, title=HOSTILE)
    found = look(write_report(results, tmp_path / "out.html"), tmp_path, """
        return { pwned: view.pwned ?? null, images: page.images.length, scripts: page.scripts.length,
                 text: page.querySelector(".answer").textContent };
    """)  # fmt: skip
    clean = look(write_report(matrix(("plain", "dense")), tmp_path / "clean.html"), tmp_path, """
        return { scripts: page.scripts.length };
    """)  # fmt: skip
    assert (found["pwned"], found["images"]) == (None, 0)
    assert found["scripts"] == clean["scripts"]
    assert HOSTILE in found["text"]
    assert found["problems"] == []


KEYBOARD = """
for (const one of page.querySelectorAll("details")) one.open = true;
const seen = [...page.querySelectorAll("select, summary, a[href]")].filter((one) => one.getClientRects().length);
const lost = [], nameless = [];
for (const one of seen) {
  one.focus();
  if (page.activeElement !== one || one.tabIndex < 0) lost.push(one.outerHTML.slice(0, 80));
  const name = one.getAttribute("aria-label") || one.textContent.trim() || one.querySelector("title")?.textContent;
  const label = one.labels ? [...one.labels].map((label) => label.textContent.trim()).join("") : name;
  if (!label) nameless.push(one.outerHTML.slice(0, 80));
}
const bare = [...page.querySelectorAll("figure")]
  .filter((one) => one.querySelector(".chart") && !one.querySelector("details table"))
  .filter((one) => !/table above has the figures/.test(one.querySelector("figcaption").textContent));
const printed = [...page.styleSheets].flatMap((one) => [...one.cssRules]).filter((rule) => rule.media?.mediaText === "print");
return { seen: seen.length, kinds: [...new Set(seen.map((one) => one.tagName.toLowerCase()))], lost, nameless,
  bare: bare.map((one) => one.id || one.outerHTML.slice(0, 80)), printed: printed.map((rule) => rule.cssText).join(" ") };
"""


def test_everything_is_reached_by_the_keyboard_and_has_a_name(page, tmp_path):
    """What a mark of a chart leads to is in the table below it, whose summary opens by a key."""
    found = look(page, tmp_path, KEYBOARD)
    assert (found["lost"], found["nameless"], found["bare"]) == ([], [], [])
    assert {"select", "summary"} <= set(found["kinds"])
    assert found["seen"] > 20


def test_it_can_be_printed(page, tmp_path):
    """Charts and rows on some pages, without the filters."""
    found = look(page, tmp_path, KEYBOARD)
    assert ".filters { display: none; }" in found["printed"]
    printed = print_out(page, tmp_path)
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 40
