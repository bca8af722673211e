"""The comment of a pull request: what is asked of GitHub, by a server that answers as its documents say, and the text."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from support.command import command
from support.records import record

from pytest_formfunc.cli.commenting import Ended, comment_body
from pytest_formfunc.journal.lines import COMPLETE, Failure, Header, Row
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.report.markdown import COMMENT
from pytest_formfunc.stats import Estimate

COMMIT = "a" * 40
ENDED = Ended(COMMIT, "someone", "change", "https://github.com/owner/name/actions/runs/7", "failure", 12)
MARK = ENDED.mark


class GitHub(BaseHTTPRequestHandler):
    """Pull requests and comments of one repository."""

    pulls: ClassVar[list] = []
    comments: ClassVar[list] = []
    asked: ClassVar[list] = []
    status = 200

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/repos/owner/name/pulls":
            owner, _, branch = query["head"][0].partition(":")
            found = [one for one in self.pulls if (one["owner"], one["branch"]) == (owner, branch)]
            self._answer([one for one in found if query["state"] == ["open"]])
        elif url.path == "/repos/owner/name/issues/3/comments":
            start = 100 * (int(query["page"][0]) - 1)
            self._answer(self.comments[start : start + 100])
        else:
            self._answer({"message": "Not Found"}, 404)

    def do_POST(self):
        self._write("POST")

    def do_PATCH(self):
        self._write("PATCH")

    def _write(self, method):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        self.asked.append((method, self.path, self.headers["Authorization"], body))
        if method == "POST":
            self.comments.append({"id": len(self.comments) + 1, "body": body, "user": {"type": "Bot"}})
        self._answer({"id": 1}, self.status)

    def _answer(self, content, status=200):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def github(monkeypatch, tmp_path):
    """A server of its own, and a job whose event says that a run has ended."""

    class Own(GitHub):
        pulls: ClassVar[list] = [{"number": 3, "owner": "someone", "branch": "change", "head": {"sha": COMMIT}}]
        comments: ClassVar[list] = []
        asked: ClassVar[list] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    event = {
        "workflow_run": {
            "head_sha": COMMIT, "head_branch": "change", "html_url": ENDED.page, "conclusion": "failure", "workflow_id": 12,
            "head_repository": {"owner": {"login": "someone"}}, "pull_requests": [],  # as for a fork
        }
    }  # fmt: skip
    (tmp_path / "event.json").write_text(json.dumps(event))
    for name, value in {
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}", "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_TOKEN": "a-secret", "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_EVENT_NAME": "workflow_run",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield Own
    server.shutdown()
    server.server_close()


def journal(path, *rows, failures=(), ended=COMPLETE, title="main"):
    """Write a journal of rows: pairs of a case and a verdict's status."""
    keys = tuple((case, "openvino") for case, _ in rows)
    writer = JournalWriter(path, Header("run", "2026-01-01T00:00:00", "project", "machine", title=title, planned=keys))
    for case, status in rows:
        verdict = Verdict(status, 0.1, Estimate(0.8, 0.75, 0.85, n=6), f"{case} lost speedup: 0.80x (0.75 to 0.85)")
        one = record(0.001, case=case, speedup_memory_kept=Estimate(2.0, 1.9, 2.1, n=6), verdict=verdict)
        writer.add(Row(one, "identity", f"test_net.py::test[{case}]", case, fail_on=("loss",)))
    for case, reason in failures:
        writer.fail(Failure(case, "openvino", reason))
    if ended:
        writer.end(ended)
    writer.close()
    return path


def test_one_comment_is_written_and_written_again(github, tmp_path):
    """By whoever pushed, a fork too; another bot's comments and a person's with the same mark are left alone."""
    path = journal(tmp_path / "run.jsonl", ("net", "regressed"))
    github.comments += [{"id": 90, "body": "other", "user": {"type": "Bot"}}]
    github.comments += [{"id": 91, "body": MARK, "user": {"type": "User"}}]
    first = command("comment", path)
    assert first.code == 0, first.text
    (asked,) = github.asked
    assert asked[:3] == ("POST", "/repos/owner/name/issues/3/comments", "Bearer a-secret")
    assert asked[3].startswith(MARK)
    github.comments[2]["id"] = 92
    github.comments[:0] = [{"id": number, "body": "", "user": None} for number in range(100, 250)]
    assert command("comment", path).code == 0
    assert github.asked[-1][:2] == ("PATCH", "/repos/owner/name/issues/comments/92")


def test_an_older_commit_is_not_commented_on(github, tmp_path):
    """The pull request has been pushed to since, or is closed: another run tells of what it has now."""
    github.pulls[0]["head"]["sha"] = "b" * 40
    done = command("comment", journal(tmp_path / "run.jsonl", ("net", "regressed")))
    assert (done.code, github.asked) == (0, [])
    assert "no open pull request has aaaaaaaaaa" in done.text


def test_what_a_run_is_red_for_stands_first(tmp_path):
    path = journal(tmp_path / "run.jsonl", ("net", "regressed"), failures=[("gone", "its test failed: no module")])
    text = comment_body(path, ENDED)
    assert text.splitlines()[1] == (
        "### Speedup by form, at aaaaaaaaaa: [the run](https://github.com/owner/name/actions/runs/7) **failed**"
    )
    assert "- net on openvino lost speedup" in text or "- net lost speedup" in text
    assert "gone on openvino" in text
    assert "| net | openvino |" in text


def test_a_run_that_left_nothing_is_said(tmp_path):
    text = comment_body(tmp_path / "absent.jsonl", ENDED)
    assert "Nothing can be shown of it: it has left no journal." in text
    (tmp_path / "damaged.jsonl").write_text("<script>@everyone</script>\n")
    text = comment_body(tmp_path / "damaged.jsonl", ENDED)
    assert "Nothing can be shown of it:" in text
    assert "**failed**" in text


def test_a_journal_of_an_attacker_is_text(tmp_path):
    """Names are shown as they are: no mention, no link, no markup, no table that ends; and it fits."""
    name = "net | x\n@everyone <img src=x> torvalds/linux#2 GH-3 [a](https://evil.example) www.evil.example -->"
    path = journal(tmp_path / "run.jsonl", (name, "regressed"), failures=[("@team", "![x](https://evil.example/p)")])
    text = comment_body(path, ENDED)
    assert text.count("<!--") == 1
    assert "@everyone" not in text
    assert "@team" not in text
    assert (
        "@&#8203;everyone" in text
    )  # GitHub decodes entities before it looks for mentions: something has to stand between
    assert "&#64;" not in text
    assert "linux#2" not in text
    assert "GH-3" not in text
    assert "<img" not in text.replace("\\<img", "")
    assert "https://evil" not in text
    assert "www.evil" not in text
    many = journal(tmp_path / "many.jsonl", *[(f"case-{number}-{'x' * 300}", "regressed") for number in range(400)])
    assert len(comment_body(many, ENDED)) <= COMMENT
    long = comment_body(journal(tmp_path / "long.jsonl", ("net", "regressed"), title="x" * 200_000), ENDED)
    assert len(long.encode()) <= COMMENT
    assert "**failed**" in long


def test_a_deleted_fork_has_nothing_to_comment_on(github, tmp_path):
    event = json.loads((tmp_path / "event.json").read_text())
    event["workflow_run"]["head_repository"] = None
    (tmp_path / "event.json").write_text(json.dumps(event))
    done = command("comment", journal(tmp_path / "run.jsonl", ("net", "regressed")))
    assert (done.code, github.asked) == (0, [])


def test_each_workflow_has_a_comment_of_its_own(github, tmp_path):
    event = json.loads((tmp_path / "event.json").read_text())
    path = journal(tmp_path / "run.jsonl", ("net", "regressed"))
    for workflow in (12, 13, 12):
        event["workflow_run"]["workflow_id"] = workflow
        (tmp_path / "event.json").write_text(json.dumps(event))
        assert command("comment", path).code == 0
    assert [asked[0] for asked in github.asked] == ["POST", "POST", "PATCH"]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("GITHUB_TOKEN", "", "GITHUB_TOKEN is not set"),
        ("GITHUB_REPOSITORY", "owner/name/../../x", "is not as GitHub sets it"),
        ("GITHUB_API_URL", "file:///etc/passwd", "is not as GitHub sets it"),
        ("GITHUB_API_URL", "http://127.0.0.1:1", "GitHub did not answer GET pulls"),
        ("GITHUB_EVENT_PATH", "", "GITHUB_EVENT_PATH is not set"),
        ("GITHUB_EVENT_PATH", "nothing.json", "cannot be read"),
    ],
)
def test_bad_input_is_a_sentence(github, tmp_path, monkeypatch, variable, value, says):
    monkeypatch.setenv(variable, value)
    done = command("comment", journal(tmp_path / "run.jsonl", ("net", "regressed")))
    assert done.code == 4
    assert says in done.text
    assert "a-secret" not in done.text


def test_a_token_that_may_not_write_is_said(github, tmp_path):
    github.status = 403
    done = command("comment", journal(tmp_path / "run.jsonl", ("net", "regressed")))
    assert done.code == 4
    assert "GitHub refused POST issues/3/comments with 403: the workflow needs pull-requests: write" in done.text


@pytest.mark.parametrize(
    "change", [{"head_sha": "not-a-commit"}, {"html_url": "javascript:x"}, {"conclusion": "a b"}, {"workflow_id": "x"}]
)
def test_an_event_that_is_none_is_refused(github, tmp_path, change):
    event = json.loads((tmp_path / "event.json").read_text())
    event["workflow_run"] |= change
    (tmp_path / "event.json").write_text(json.dumps(event))
    done = command("comment", journal(tmp_path / "run.jsonl", ("net", "regressed")))
    assert (done.code, github.asked) == (4, [])


@pytest.mark.engine
def test_the_steps_of_the_action_write_it(github, job, source, tmp_path, monkeypatch):
    """In the environment that the action makes, from the artifact that another run has left."""
    import os

    path = tmp_path / "work" / "formfunc-run" / "run.jsonl"
    path.parent.mkdir(parents=True)
    journal(path, ("net", "regressed"))
    one = job(tmp_path / "work", event={"workflow_run": {"id": "7"}})
    one.environment |= {name: os.environ[name] for name in os.environ if name.startswith("GITHUB_")}
    one.environment.pop("GITHUB_TOKEN")  # the action gives it to the step that writes, and to no other
    one.action(source / "comment" / "action.yml")
    assert not one.failed, one.text
    assert [asked[0] for asked in github.asked] == ["POST"]
    assert github.asked[0][2] == "Bearer a-token"
    (fetched,) = [given for name, given in one.used if "download-artifact" in name]
    assert fetched["run-id"] == "7"
