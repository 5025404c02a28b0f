"""Documents as they were: git revisions beside paths, read under the same bounds."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.spec.changes import changes_between
from observatory.spec.changes.revisions import Side, Wanted, read_sides

DOCUMENT = """\
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
channels:
  c: {{address: {address}, messages: {{m: {{payload: {{$ref: '../schemas/order.yaml#/Order'}}}}}}}}
operations:
  o: {{action: send, channel: {{$ref: '#/channels/c'}}}}
"""
Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Run git in a new repository, which is the working folder."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")

    def run(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    run("init", "-q", "-b", "main")
    return run


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def history(git: Git) -> Git:
    """Two commits: v1 with the address `orders`, and main with `orders.v2` and another type of `id`."""
    write("docs/shop.yaml", DOCUMENT.format(address="orders"))
    write("schemas/order.yaml", "Order: {type: object, properties: {id: {type: integer}}}\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "v1.0")
    write("docs/shop.yaml", "# moved down a line\n" + DOCUMENT.format(address="orders.v2"))
    write("schemas/order.yaml", "Order: {type: object, properties: {id: {type: string}}}\n")
    git("commit", "-qam", "two")
    return git


def sides(old: str, new: str, *documents: str, roots: tuple[str, ...] = (".",)) -> tuple[Side, Side]:
    wanted = Wanted(documents=tuple(map(Path, documents)), roots=tuple(map(Path, roots)))
    return read_sides(old, new, wanted)


def refused(old: str, new: str, *documents: str) -> tuple[str, str, str | None]:
    with pytest.raises(InputInvalid) as caught:
        sides(old, new, *documents)
    (problem,) = caught.value.problems
    return problem.code, problem.message, problem.hint


def test_two_revisions_are_compared(history: Git) -> None:
    old, new = sides("v1.0", "main", "docs")
    assert (old.commit, new.commit) == (history("rev-parse", "v1.0"), history("rev-parse", "main"))
    assert [channel.address for side in (old, new) for channel in side.catalog.channels] == ["orders", "orders.v2"]
    assert old.catalog.problems == ()
    assert {(one.aspect, one.verdict) for one in changes_between(old.catalog, new.catalog)} == {
        ("address", "breaking"),
        ("payload", "breaking"),
    }


def test_places_are_named_by_the_revision(history: Git) -> None:
    old, new = sides("HEAD~1", "HEAD", "docs")
    assert str(old.catalog.channels[0].location) == "HEAD~1:docs/shop.yaml:4:3"
    assert str(new.catalog.operations[0].location) == "HEAD:docs/shop.yaml:7:3"
    assert [document.path for document in old.catalog.documents] == ["HEAD~1:docs/shop.yaml"]


def test_a_problem_of_a_revision_names_no_temporary_folder(history: Git) -> None:
    old, _ = sides("v1.0", "HEAD", "docs", roots=())
    (problem,) = [one for one in old.catalog.problems if one.severity == "error"]
    assert problem.code == "reference-outside-roots"
    assert str(problem.location) == "v1.0:docs/shop.yaml:4:55"
    assert tempfile.gettempdir() not in problem.render()


def test_a_path_comes_before_a_revision_of_the_same_name(history: Git) -> None:
    write("v1.0/other.yaml", DOCUMENT.format(address="elsewhere"))
    old, new = sides("v1.0", "HEAD", roots=())
    assert (old.commit, [one.address for one in old.catalog.channels]) == (None, ["elsewhere"])
    assert new.commit is not None


def test_a_revision_beside_a_path_is_read_at_that_path(history: Git) -> None:
    write("docs/shop.yaml", DOCUMENT.format(address="orders.v3"))
    write("elsewhere/other.yaml", DOCUMENT.format(address="elsewhere"))
    old, new = sides("v1.0", "docs")
    assert [one.address for one in old.catalog.channels] == ["orders"]
    assert [one.address for one in new.catalog.channels] == ["orders.v3"]
    old, new = sides("v1.0", ".", "docs")
    assert [one.address for one in new.catalog.channels] == ["orders.v3"]


def test_a_file_is_read_with_what_it_refers_to(history: Git) -> None:
    write("flat/shop.yaml", DOCUMENT.format(address="flat").replace("../schemas/", ""))
    write("flat/order.yaml", "Order: {type: integer}\n")
    history("add", "-A")
    history("commit", "-qm", "three")
    _, new = sides("HEAD", "HEAD", "flat/shop.yaml", roots=())
    assert [message.schema for message in new.catalog.channels[0].messages] == [{"type": "integer"}]


def test_a_path_that_was_not_there_is_empty_with_a_warning(history: Git) -> None:
    write("later/shop.yaml", DOCUMENT.format(address="later"))
    old, new = sides("HEAD", ".", "later")
    assert [(one.code, one.severity, one.message) for one in old.catalog.problems] == [
        ("revision-path-missing", "warning", "there is no later at HEAD: nothing is read of it")
    ]
    assert [one.address for one in new.catalog.channels] == ["later"]


def test_a_deleted_folder_is_read_of_the_past(history: Git) -> None:
    history("rm", "-rq", "docs")
    history("commit", "-qm", "gone")
    old, new = sides("v1.0", "HEAD", "docs")
    assert (len(old.catalog.channels), len(new.catalog.channels)) == (1, 0)


def test_links_of_a_revision_are_not_followed(history: Git, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(DOCUMENT.format(address="secret"), encoding="utf-8")
    Path("docs/link.yaml").symlink_to(secret)
    Path("docs/folder").symlink_to(tmp_path)
    history("add", "-A")
    history("commit", "-qm", "links")
    _, new = sides("v1.0", "HEAD", "docs")
    assert [one.address for one in new.catalog.channels] == ["orders.v2"]


def test_the_temporary_folder_is_removed(history: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sides("v1.0", "HEAD", "docs")
    assert list(temporary.iterdir()) == []


def test_an_unknown_revision_is_answered_with_the_nearest(history: Git) -> None:
    assert refused("v1.1", "HEAD", "docs") == (
        "revision-unknown",
        "'v1.1' is neither a path nor a revision of repository",
        "did you mean 'v1.0'?",
    )


@pytest.mark.parametrize("name", ["--help", "-h", "--exec=touch x", "HEAD..v1.0", "", "a\nb", "HEAD:docs", "@{u}"])
def test_what_is_no_revision_is_never_an_option_of_git(history: Git, name: str) -> None:
    assert refused(name, "HEAD", "docs")[0] == "revision-unknown"
    assert sorted(path.name for path in Path().iterdir()) == [".git", "docs", "schemas"]


def test_without_a_repository_a_revision_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code, message, _ = refused("v1", "v2")
    assert code == "git-no-repository"
    assert message == "'v1' is no path, and . lies in no git repository that it could be a revision of"


def test_documents_outside_the_repository_are_refused(history: Git, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    code, message, _ = refused("v1.0", "HEAD", "docs", str(tmp_path / "outside"))
    assert code == "revision-outside"
    assert message.endswith("outside lies outside the repository repository that 'v1.0' is a revision of")


def test_without_git_two_paths_can_still_be_compared(
    history: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused("v1.0", "HEAD", "docs") == (
        "git-missing",
        "git is not installed, and a revision can only be read with it",
        "compare two paths, or install git",
    )
    old, new = sides("docs", "docs")
    assert len(old.catalog.channels) == len(new.catalog.channels) == 1


def test_a_repository_that_is_broken_says_what_git_says(history: Git) -> None:
    tree = history("rev-parse", "HEAD^{tree}")
    (Path(".git/objects") / tree[:2] / tree[2:]).unlink()
    code, message, _ = refused("HEAD", "v1.0", "docs")
    assert code == "git-failed"
    assert message.startswith("git cannot read the repository: fatal: ")


def test_an_overlay_is_read_as_it_was_and_one_from_elsewhere_as_it_is(history: Git, tmp_path: Path) -> None:
    overlay = "documents:\n  docs/shop.yaml:\n    '/operations/o': {{x-owner: {owner}}}\n"
    write("overlay.yaml", overlay.format(owner="before"))
    history("add", "-A")
    history("commit", "-qm", "overlay")
    write("overlay.yaml", overlay.format(owner="now"))
    wanted = Wanted(documents=(Path("docs"),), roots=(Path(),), overlays=(Path("overlay.yaml"),))
    old, new = read_sides("HEAD", ".", wanted)
    teams = [side.catalog.operations[0].owner for side in (old, new)]
    assert [team.team for team in teams if team] == ["before", "now"]
    assert teams[0] is not None
    assert teams[0].provenance == "overlay HEAD:overlay.yaml:3"
    earliest, _ = read_sides("v1.0", ".", wanted)
    assert earliest.catalog.operations[0].owner is None
