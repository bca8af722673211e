"""The workflows and actions, as files: their schema, what makes them unsafe, and whether what they use is pinned."""

import re
import shutil
import subprocess

import pytest
import yaml
from support.programs import program
from support.source import ROOT, tracked

TEMPLATE = "pytest_formfunc/cli/templates/workflow.yml"
ACTIONS = ["action.yml", "comment/action.yml", "merge/action.yml"]
WORKFLOWS = [*tracked(".github/workflows"), TEMPLATE]
STEPS = re.compile(r"^\s*(?:- )?uses: (\S+)(?: # (\S+))?$", re.M)


def in_documents():
    """Return the blocks of YAML in the documents."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        (page.name, text)
        for page in pages
        for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.S | re.M)
    ]


@pytest.mark.parametrize("name", [*ACTIONS, *WORKFLOWS])
def test_it_is_what_github_reads(name):
    schema = "vendor.github-actions" if name in ACTIONS else "vendor.github-workflows"
    done = subprocess.run(
        [program("check-jsonschema"), "--builtin-schema", schema, ROOT / name], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def audit(folder):
    return subprocess.run(
        [program("zizmor"), "--offline", "--no-progress", folder], capture_output=True, text=True, check=False
    )


@pytest.fixture
def audited(tmp_path):
    """Every workflow and action, those that users get among them, as the auditor looks for them."""
    for name in [*ACTIONS, *WORKFLOWS]:
        to = tmp_path / (name if name != TEMPLATE else ".github/workflows/template.yml")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to)
    for number, (_, text) in enumerate(in_documents()):
        (tmp_path / f".github/workflows/document-{number}.yml").write_text(of_users(text))
    return tmp_path


def of_users(text):
    """Put something in place of the owner and the commit that a user fills in."""
    return text.replace("OWNER/", "somebody/").replace("@COMMIT", f"@{'0' * 40}")


def test_the_auditor_finds_nothing(audited):
    """The one thing that it is told to ignore says why: a workflow that another one's end starts."""
    done = audit(audited)
    assert done.returncode == 0, done.stdout
    ignored = [
        line for name in [*ACTIONS, *WORKFLOWS] for line in (ROOT / name).read_text().splitlines() if "zizmor:" in line
    ]
    ignored += [line for _, text in in_documents() for line in text.splitlines() if "zizmor:" in line]
    assert all(re.search(r"workflow_run: # zizmor: ignore\[dangerous-triggers\] .{20}", line) for line in ignored)
    assert len({*ignored}) == 1


def test_the_auditor_would_find_something(audited):
    """A check that cannot fail is none."""
    path = audited / "action.yml"
    path.write_text(path.read_text().replace('"$MODELS"', "${{ inputs.models }}"))
    done = audit(audited)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


def test_what_is_used_is_pinned_by_its_commit():
    """With the version in a comment, one commit for each version; this repository's own actions by the commit that runs."""
    texts = [(ROOT / name).read_text() for name in [*ACTIONS, *WORKFLOWS]] + [text for _, text in in_documents()]
    found = {(name, version) for text in texts for name, version in STEPS.findall(text)}
    others = {(name, version) for name, version in found if not name.startswith(("$/", "OWNER/pytest-formfunc"))}
    assert len(others) >= 5
    for name, version in others:
        assert re.fullmatch(r"actions/[\w-]+(?:/\w+)?@[0-9a-f]{40}", name), name
        assert re.fullmatch(r"v\d+\.\d+\.\d+", version), f"{name} has no version beside it"
    by_action = {}
    for name, version in others:
        action, _, commit = name.partition("@")
        by_action.setdefault("/".join(action.split("/")[:2]), set()).add((commit, version))
    assert all(len(pins) == 1 for pins in by_action.values()), by_action


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_asks_for_little(name):
    """Permissions are given at the top, and are none or to read; a job says what it writes; runs do not pile up."""
    workflow = yaml.safe_load((ROOT / name).read_text())
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
        writes = {scope for scope, access in job.get("permissions", {}).items() if access == "write"}
        assert writes <= ({"pull-requests"} if name.endswith("comment.yml") else {"id-token"})
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    assert "secrets." not in (ROOT / name).read_text()


def test_every_python_with_wheels_is_tried():
    """The version matrix of the tests and of a release are the same, and begin at the oldest that is supported."""
    tests = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    versions = tests["jobs"]["versions"]["strategy"]["matrix"]["python"]
    assert versions == release["jobs"]["try"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={versions[0]}"' in project
    for version in versions:
        assert f'"Programming Language :: Python :: {version}"' in project


def test_documents_show_workflows_that_github_reads(tmp_path):
    assert len(in_documents()) >= 4
    for page, text in in_documents():
        path = tmp_path / "workflow.yml"
        path.write_text(of_users(text))
        done = subprocess.run(
            [program("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{page}: {done.stdout}"
