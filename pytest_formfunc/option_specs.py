"""The table of options. It imports nothing heavy: every pytest run loads it, even one that measures nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class OptionSpec(NamedTuple):
    """One option: ``--formfunc-NAME`` on the command line, ``formfunc_NAME`` in an ini file.

    Attributes:
        name: without the prefix, words joined by dashes.
        default: as a user would write it.
        metavar: name of the value in the help; empty for a flag.
        help: one sentence.
        ini: whether it can be set in an ini file; False for options that only make sense for one run.
    """

    name: str
    default: str
    metavar: str
    help: str
    ini: bool = True

    @property
    def key(self) -> str:
        """Return the name as an identifier, with underscores."""
        return self.name.replace("-", "_")


# Endings of report files, and what renders each, in the folder ``report``: a new format is one file and one line here.
# A renderer returns a text, or the contents of several files by their names.
REPORT_FORMATS = {
    ".bmf.json": "benchmark_tools:render_bmf",
    ".bigger.json": "benchmark_tools:render_bigger",
    ".comment.md": "markdown:render_comment",
    ".md": "markdown:render_markdown",
    ".html": "html:render_html",
    ".csv": "spreadsheet:render_csv",
    ".json": "raw:render_json",
    ".svg": "pictures:render_svg",
    ".png": "pictures:render_png",
}
PICTURES = (".svg", ".png")  # they need the extra ``report``


def report_ending(name: str) -> str:
    """Return the ending that names a report's format; empty if there is none of them.

    >>> report_ending("out.bmf.json"), report_ending("out.json"), report_ending("out.txt")
    ('.bmf.json', '.json', '')
    """
    return next((ending for ending in REPORT_FORMATS if name.endswith(ending)), "")


def either(names: Collection[str]) -> str:
    """Return names as a choice.

    >>> either([".md", ".csv", ".json"])
    '.md, .csv or .json'
    """
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


OPTIONS = (
    OptionSpec("patterns", "all", "NAMES", "macro-architecture patterns, joined by commas"),
    OptionSpec("depths", "2,8", "NUMBERS", "numbers of blocks"),
    OptionSpec("widths", "64", "NUMBERS", "channels between blocks"),
    OptionSpec("backends", "openvino", "NAMES", "accelerated backends, joined by commas; native is always measured "
               "with them. best tries every available one and names the fastest"),
    OptionSpec("native", "", "NAME", "the backend that speedups are relative to, if not PyTorch as written: native, or "
               "native-cuda where every accelerated backend is on an NVIDIA GPU"),
    OptionSpec("architectures", "", "NAMES", "named architectures, joined by commas; or all"),
    OptionSpec("model", "", "NAMES", "your own models: package.module:function, a file (.onnx, .xml, .pt2), "
               "timm:NAME, torchvision:NAME, pytorchcv:NAME, hf:FOLDER; joined by commas"),
    OptionSpec("pretrained", "", "", "use trained weights for networks from libraries and folders; the "
               "library may download them"),
    OptionSpec("input", "", "SHAPES", "input shapes, batch first, joined by commas (1x3x224x224 by default); "
               "several inputs of one call are joined by +, as in ids=1x128:i64+mask=1x128:i64:ones"),
    OptionSpec("calibration", "", "FILE", "samples to quantise your own models with: .npy, or .npz with an array for "
               "each input; the first axis counts samples"),
    OptionSpec("seed", "0", "NUMBER", "seed of weights and inputs"),
    OptionSpec("threads", "0", "NUMBER", "threads of every backend; 0 is one for each core this process may use"),
    OptionSpec("precision", "4%", "PERCENT", "measure until each speedup is this precise (half the 95% interval) ..."),
    OptionSpec("budget", "7s", "TIME", "... or a case has taken this long, without waiting for a "
               "slow machine; each further backend adds half of it"),
    OptionSpec("timeout", "120s", "TIME", "kill a worker that does not answer within this time; a worker that "
               "prepares models has this time for each accelerated backend"),
    OptionSpec("servers", "12", "NUMBER", "processes, at most, that launches are forked from in turn; each takes "
               "about a second to start and 150 MB"),
    OptionSpec("threshold", "10%", "PERCENT", "loss of speedup that fails a test when comparing: one of this size "
               "nine times in ten side by side, where the time for further looks suffices; one of a third of it "
               "practically never"),
    OptionSpec("threshold-means", "found", "WHAT", "what the threshold means: found, as it says; or measured: only a "
               "measured loss of at least that fails, so that a loss of just this size is found half of the time"),
    OptionSpec("gate", "time", "WHAT", "what is judged: time, or graph: the engine's kernels, without timing anything"),
    OptionSpec("fail-on", "loss", "WHAT", "what fails a test when comparing, joined by commas: loss; gain (the "
               "baseline is stale); no-gain (only better is good enough); inconclusive"),
    OptionSpec("strict", "", "", "fail wherever a comparison was asked for and could not be made"),
    OptionSpec("accept", "", "NAMES", "accept what this side has given up: cases that are gone, new, skipped or not "
               "measured (CASE-BACKEND, or a test's id); rules that are looser than on the other side (threshold, "
               "fail_on, min_speedup, max_latency, strict, gate, budget, escalation, precision, native, "
               "threshold_means; or threshold[CASE]); tests that cannot be collected there (tests); the current commit "
               "as the other one (same-code); joined by commas, * stands for any text. The command line alone can",
               ini=False),
    OptionSpec("cache-dir", ".formfunc_cache", "FOLDER", "folder for converted models, relative to the root folder"),
    OptionSpec("quiet", "", "", "say the headline alone, and why what is red is red; show no progress", ini=False),
    OptionSpec("report", "", "FILE", f"also write the report to a file: {either(REPORT_FORMATS)}; may be given several "
               "times", ini=False),
    OptionSpec("journal", "", "FILE", "write the run's journal to this file, by default to one in the folder runs of "
               "the cache; each record is in it as soon as it is measured", ini=False),
    OptionSpec("why", "", "", "after a case was timed, observe in launches of their own why it gains: cold caches, "
               "reuse distances, counters (docs/why.md)"),
    OptionSpec("callgrind", "", "", "as --formfunc-why, and simulate each case under valgrind's callgrind too, which "
               "counts instructions and misses where the processor shows none: a minute and more of a case"),
    OptionSpec("trained", "", "", "as --formfunc-why, and count exact zeros and redundancy of your models, whose "
               "weights are trained; of random ones they say nothing"),
    OptionSpec("waterfall", "", "", "measure what lies between native and an engine in the same rounds too, and say "
               "how much of the speedup is memory, dispatch from Python, layout, and compilation"),
    OptionSpec("advise", "", "NAMES", "as --formfunc-why, and build and time what may make each case faster: all, or "
               "names of batch-norm, channels, attention, groups, activation (its program changed), threads, engine "
               "(all others, and their precisions) or of backends, joined by commas; minutes of a case (docs/why.md)"),
    OptionSpec("resume", "", "", "continue the newest run that did not end, or that of --formfunc-journal: measure "
               "only what is not in its journal or no longer matches", ini=False),
    OptionSpec("shard", "", "K/N", "measure the K-th of N parts of all cases; pytest-formfunc merge judges all parts",
               ini=False),
    OptionSpec("durations", ".formfunc_durations.json", "FILE", "seconds of each case, by which --formfunc-shard makes "
               "equal parts, relative to the root folder; pytest-formfunc durations writes it"),
    OptionSpec("cores", "0", "NUMBER", "with pytest-xdist: sets of so many cores, one for each worker; 0 is all cores "
               "for one worker at a time"),
    OptionSpec("against", "", "REV", "compare with another git revision, side by side; A... is the merge base with A",
               ini=False),
    OptionSpec("against-env", "", "FOLDER", "with --formfunc-against (HEAD by default): run the other side with the "
               "packages of this virtual environment", ini=False),
    OptionSpec("baseline", "", "NAME", "compare with the runs saved by --benchmark-save=NAME, the last five together",
               ini=False),
    OptionSpec("escalation", "45s", "TIME",
               "time for more launches of a comparison that is unsure; unused time goes to the next one"),
    OptionSpec("plant", "", "BACKEND=PERCENT", "slow a backend down on purpose, to see the gate turn red", ini=False),
)  # fmt: skip

MARKER_ARGUMENTS = ("architectures", "backends", "threshold", "min_speedup", "max_latency", "fail_on")
THRESHOLD_MEANS = ("found", "measured")
FAIL_ON = ("loss", "gain", "no-gain", "inconclusive")
