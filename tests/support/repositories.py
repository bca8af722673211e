"""A repository with networks, the files of its tests, and a change that makes one of them worse."""

from support.project import own_test

STRICT = ("--formfunc-gate=graph", "--formfunc-strict", "--formfunc-journal=run.jsonl")
SAVED = ("--benchmark-compare", *STRICT)  # it takes a third of the time
BODY = "return self.body(x)"
UNFUSED = "x = self.body(x)\n        return (x * torch.sort(x, dim=1).values.sin())"
CALL = "    formfunc(Net(), torch.randn(1, 3, 32, 32))\n"
HEAD = "import contextlib\nimport pytest\n"
# Tests, in a folder of their own, that hide the loss.
TRICKS = (
    "xfail", "suppress", "except", "skip_after", "skip_before", "skip_mark", "never_called", "fail_on",
    "imperative_xfail",
)  # fmt: skip
NAME = "test_net.py::test_net"


def only_calls(network, *more):
    """Return a file with a test of a network that only calls formfunc."""
    text = own_test(network, *more)
    return text[: text.index("    result = formfunc(")] + CALL


def worse(project):
    path = project.folder / "src/mynets/net.py"
    path.write_text(path.read_text().replace(BODY, UNFUSED))


def words(outcome):
    return " ".join(outcome.text.split())
