"""Checking out revisions of real, small git repositories."""

import shutil
import subprocess
import sys

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.revisions.checkout import check_out


def git(folder, *args):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always", *args],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(folder, text, name="net.py"):
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    return folder


def test_another_revision_is_checked_out_beside_the_users_tree_and_removed_without_a_trace(repository, tmp_path):
    """The user's files, index and list of worktrees are as before."""
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "second")
    (repository / "net.py").write_text("not committed")
    revision = check_out(first, repository, tmp_path / "other", in_ci=False)
    assert (tmp_path / "other" / "net.py").read_text() == "first"
    assert (repository / "net.py").read_text() == "not committed"
    assert revision.dirty
    assert revision.title == first[:10]
    revision.close()
    revision.close()
    assert not (tmp_path / "other").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "net.py").read_text() == "not committed"


def branch_off(repository):
    """Give main and a branch a commit each; return their merge base."""
    parting = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-qb", "work")
    commit(repository, "work")
    git(repository, "checkout", "-q", "main")
    commit(repository, "others merged this")
    git(repository, "checkout", "-q", "work")
    return parting


def test_a_branch_means_itself_locally_and_the_merge_base_in_ci(repository, tmp_path):
    """What others have merged since is not part of the tested change."""
    parting = branch_off(repository)
    local = check_out("main", repository, tmp_path / "a", in_ci=False)
    assert local.commit == git(repository, "rev-parse", "main")
    in_ci = check_out("main", repository, tmp_path / "b", in_ci=True)
    assert in_ci.commit == parting
    dots = check_out("main...", repository, tmp_path / "c", in_ci=False)
    assert dots.commit == parting
    assert check_out(local.commit, repository, tmp_path / "d", in_ci=True).commit == local.commit


def test_a_build_servers_clone_has_only_remote_branches(repository, tmp_path):
    """The name of a branch is also looked up in origin."""
    git(tmp_path, "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    git(clone, "checkout", "-q", "--detach")
    git(clone, "branch", "-D", "main")
    assert check_out("main", clone, tmp_path / "other", in_ci=True).commit == git(clone, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["no-such-branch", "0123456789", "--help", "main:net.py", "", "..."])
def test_a_name_that_is_not_a_revision_is_refused(repository, tmp_path, name):
    """The message has the name, and nothing is left behind."""
    with pytest.raises(BadInput, match="no such revision"):
        check_out(name, repository, tmp_path / "other", in_ci=False)
    assert not (tmp_path / "other").exists()


def test_the_message_about_a_shallow_clone_says_how_to_fetch_the_rest(repository, tmp_path):
    """This is common on build servers."""
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "clone")
    with pytest.raises(BadInput, match=r"shallow.*fetch-depth: 0"):
        check_out(first, tmp_path / "clone", tmp_path / "other", in_ci=False)


def test_a_folder_without_a_repository_is_refused(tmp_path):
    """The message says that a git repository is needed."""
    with pytest.raises(BadInput, match="needs a git repository"):
        check_out("main", tmp_path, tmp_path / "other", in_ci=False)


def test_a_machine_without_git_is_refused(tmp_path, monkeypatch):
    """The message says that git is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="git, which is not installed"):
        check_out("main", tmp_path, tmp_path / "other", in_ci=False)


def test_the_users_hooks_do_not_run(repository, tmp_path):
    """A post-checkout hook may change the environment that both sides share."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    check_out("main", repository, tmp_path / "other", in_ci=False)
    assert not (tmp_path / "ran").exists()


def test_inside_a_git_hook_the_working_directory_decides(repository, tmp_path, monkeypatch):
    """The environment variables of a hook name another repository."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert check_out("main", repository, tmp_path / "other", in_ci=False).dirty is False


@pytest.fixture
def submodule(repository, tmp_path):
    """Give the repository a submodule; return the repository that it is cloned from."""
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q", "-b", "main")
    commit(inner, "inner")
    git(repository, "submodule", "add", "-q", str(inner), "part")
    git(repository, "commit", "-qm", "with a part")
    return inner


def test_submodules_that_are_not_available_are_reported_and_nothing_is_left_behind(repository, submodule, tmp_path):
    """There may be no network; the checkout is removed."""
    submodule.rename(tmp_path / "gone")
    git(repository, "submodule", "deinit", "-q", "--all", "--force")
    shutil.rmtree(repository / ".git" / "modules")
    with pytest.raises(BadInput, match="submodules cannot be checked out"):
        check_out("main", repository, tmp_path / "other", in_ci=False)
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("submodule")
def test_a_tree_whose_state_git_cannot_determine_is_refused(repository, tmp_path):
    """The repository of a submodule was deleted, so git status fails in the user's own tree."""
    shutil.rmtree(repository / ".git" / "modules" / "part")
    with pytest.raises(BadInput, match=r"--formfunc-against main: git cannot determine the state of .*: fatal: "):
        check_out("main", repository, tmp_path / "other", in_ci=False)
    assert not (tmp_path / "other").exists()


def test_import_paths_inside_the_tree_are_replaced_but_environments_are_kept(repository, tmp_path, monkeypatch):
    """What is installed inside the tree belongs to both sides; sources do not."""
    monkeypatch.setattr(sys, "prefix", str(repository / ".venv"))
    revision = check_out("main", repository, tmp_path / "other", in_ci=False)
    packages = repository / ".venv" / "lib" / "site-packages"
    workspace = revision.workspace(["", str(repository / "src"), str(packages), "/usr/lib/python3"], repository)
    other = str(tmp_path / "other")
    assert workspace.sys_path == (other, f"{other}/src", str(packages), "/usr/lib/python3")
    assert workspace.cwd == other
    assert workspace.forms is None


@pytest.mark.parametrize("levels", [0, 1])
def test_an_environment_around_the_tree_does_not_make_its_sources_installed(repository, tmp_path, monkeypatch, levels):
    """A repository may be below the interpreter's prefix (/usr/src), or be a virtual environment itself."""
    monkeypatch.setattr(sys, "prefix", str([repository, *repository.parents][levels]))
    revision = check_out("main", repository, tmp_path / "other", in_ci=False)
    packages = repository / "lib" / "site-packages"
    workspace = revision.workspace([str(repository / "src"), str(packages)], repository)
    assert workspace.sys_path == (str(tmp_path / "other" / "src"), str(packages))
