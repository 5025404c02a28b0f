"""CODEOWNERS: patterns as GitHub and GitLab document them, and what they say about documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spec.ownership.cases import document, findings, owner_of

from observatory.spec.catalog import Catalog
from observatory.spec.ownership.patterns import Pattern

Estate = Callable[..., Catalog]

GITHUB = [
    ("*", "a.yaml", True),
    ("*", "deep/in/a.yaml", True),
    ("*.yaml", "a.yaml", True),
    ("*.yaml", "deep/a.yaml", True),
    ("*.yaml", "a.yml", False),
    ("/*.yaml", "a.yaml", True),
    ("/*.yaml", "deep/a.yaml", False),
    ("/build/logs/", "build/logs/deep/a", True),
    ("/build/logs/", "x/build/logs/a", False),
    ("/build/logs/", "build/logs", False),
    ("docs/*", "docs/start.md", True),
    ("docs/*", "docs/build/start.md", False),
    ("docs/*", "x/docs/start.md", False),
    ("docs/**", "docs/build/start.md", True),
    ("docs/**", "docs", False),
    ("apps/", "apps/a", True),
    ("apps/", "x/apps/deep/a", True),
    ("apps/", "x/apps", False),
    ("/docs/", "docs/a", True),
    ("/docs/", "x/docs/a", False),
    ("/docs", "docs/deep/a", True),
    ("docs", "x/docs/a", True),
    ("docs", "docs", True),
    ("docs", "docs2/a", False),
    ("**/logs", "build/logs/a", True),
    ("**/logs", "logs", True),
    ("**/logs/", "deep/nested/logs/a", True),
    ("/apps/github", "apps/github/a", True),
    ("/apps/github", "apps/githubs", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/x/y/c", False),
    ("a/**/b", "x/a/b", False),
    ("services/*/api.yaml", "services/pay/api.yaml", True),
    ("services/*/api.yaml", "services/pay/v1/api.yaml", False),
    ("services/*/", "services/pay/v1/api.yaml", True),
    ("services/pay*", "services/payments/api.yaml", True),
    ("services/pay?", "services/pays", True),
    ("services/pay?", "services/payments", False),
    ("/", "a", False),
    ("/*", "a", True),
    ("/*", "a/b", False),
    ("**", "a/b", True),
    ("Docs/", "docs/a", False),
    (r"\*.yaml", "*.yaml", True),
    (r"\*.yaml", "a.yaml", False),
    (r"with\ space/", "with space/a", True),
]
GITLAB = [
    ("*", "deep/in/a.yaml", True),
    ("README.md", "deep/README.md", True),
    ("/README.md", "deep/README.md", False),
    ("/docs/", "docs/deep/a", True),
    ("/docs/*", "docs/a", True),
    ("/docs/*", "docs/deep/a", False),
    ("/docs/**/*.md", "docs/a.md", True),
    ("/docs/**/*.md", "docs/deep/a.md", True),
    ("lib/", "x/lib/deep/a", True),
    ("ee/docs/", "x/ee/docs/a", True),
    ("docs", "docs/a", False),
    ("docs", "x/docs", True),
    ("/[ab]*.yaml", "beta.yaml", True),
    ("/[!ab]*.yaml", "beta.yaml", False),
    ("/v[0-9]/api.yaml", "v2/api.yaml", True),
    (r"\#pound.yaml", "#pound.yaml", True),
]


@pytest.mark.parametrize(("pattern", "path", "matches"), GITHUB)
def test_a_pattern_of_github_matches_as_documented(pattern: str, path: str, matches: bool) -> None:
    assert Pattern.github(pattern).matches(path.split("/")) is matches


@pytest.mark.parametrize(("pattern", "path", "matches"), GITLAB)
def test_a_pattern_of_gitlab_matches_as_documented(pattern: str, path: str, matches: bool) -> None:
    assert Pattern.gitlab(pattern).matches(path.split("/")) is matches


names = st.text("ab*?.", min_size=1, max_size=4).filter(lambda text: text not in ("**",))


@given(st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=5))
def test_a_path_matches_itself_and_what_lies_above_it(path: list[str]) -> None:
    assert Pattern.github("/" + "/".join(path)).matches(path)
    assert Pattern.github("/" + path[0] + "/**").matches([*path, "x"])
    assert not Pattern.github("/" + "/".join([*path, "x"])).matches(path)


@given(
    st.lists(names, min_size=1, max_size=4), st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4)
)
def test_a_pattern_without_depth_is_the_product_of_its_segments(pattern: list[str], path: list[str]) -> None:
    from fnmatch import fnmatchcase

    expected = len(pattern) == len(path) and all(map(fnmatchcase, path, pattern))
    found = Pattern(tuple(pattern), descends=False, classes=False)
    assert found.matches(path) is expected


def test_a_hostile_pattern_ends() -> None:
    path = ["a" * 200] * 200
    assert not Pattern.github("/" + "**/" * 200 + "*a" * 100 + "b").matches(path)


def test_code_owners_are_the_last_resort_and_the_last_match_decides(estate: Estate) -> None:
    catalog = estate(
        {
            "api/pay/asyncapi.yaml": document("Pay"),
            ".github/CODEOWNERS": """
                # everything
                *              @acme/platform
                /api/          @acme/api-guild
                /api/pay/      @jane @acme/pay-core pay@example.com # who pays
            """,
        }
    )
    owner = owner_of(catalog)
    assert (owner.team, owner.contact) == ("pay-core", "@jane, @acme/pay-core, pay@example.com")
    assert owner.provenance == ".github/CODEOWNERS:5"
    (channel,), (operation,) = catalog.channels, catalog.operations
    assert channel.owner == owner == operation.owner
    assert catalog.problems == ()


def test_a_rule_without_owners_takes_ownership_away(estate: Estate) -> None:
    catalog = estate({"api/asyncapi.yaml": document("Pay"), "CODEOWNERS": "* @acme/platform\n/api/asyncapi.yaml\n"})
    assert (catalog.documents[0].owner, catalog.problems) == (None, ())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("!/api/ @acme/pay", "a pattern with !"),
        ("/api/[ab].yaml @acme/pay", "a pattern with [ ]"),
        ("/api/ pay-core", "'pay-core' is no owner"),
        ("/my api/ @acme/pay", "'api/' is no owner"),
    ],
)
def test_a_line_that_github_cannot_use_is_reported_and_left_out(estate: Estate, line: str, words: str) -> None:
    catalog = estate({"api/a.yaml": document("Pay"), "CODEOWNERS": f"* @acme/platform\n{line}\n"})
    (problem,) = catalog.problems
    assert (problem.severity, problem.code, str(problem.location)) == ("warning", "codeowners-line", "CODEOWNERS:2:1")
    assert problem.message.startswith(words)
    assert owner_of(catalog).team == "platform"


def test_a_path_with_spaces_is_written_with_backslashes(estate: Estate) -> None:
    catalog = estate({"my api/a.yaml": document("Pay"), "CODEOWNERS": "my\\ api/ @acme/pay\n"})
    assert (owner_of(catalog).team, catalog.problems) == ("pay", ())


def test_the_file_of_github_comes_before_the_one_at_the_root_and_in_docs(estate: Estate) -> None:
    files = {"a.yaml": document("Pay"), "docs/CODEOWNERS": "* @docs\n", "CODEOWNERS": "* @root\n"}
    assert owner_of(estate(files)).provenance == "CODEOWNERS:1"
    assert owner_of(estate({".github/CODEOWNERS": "* @hub\n"})).provenance == ".github/CODEOWNERS:1"


def test_sections_of_gitlab_stand_side_by_side(estate: Estate) -> None:
    catalog = estate(
        {
            "api/pay/a.yaml": document("Pay"),
            ".gitlab/CODEOWNERS": """
                * @acme/everybody

                [API][2] @acme/api-guild @@maintainer
                /api/
                /api/pay/ @acme/pay-core and other words

                ^[Optional] @acme/curious
                *.yaml

                [api] @acme/other
                /web/
            """,
        }
    )
    owner = owner_of(catalog)
    assert (owner.team, owner.contact) == ("pay-core", "@acme/pay-core, @acme/everybody")
    assert owner.provenance == ".gitlab/CODEOWNERS:6"
    assert catalog.problems == ()


def test_a_rule_in_a_section_without_owners_takes_those_of_the_heading(estate: Estate) -> None:
    catalog = estate({"api/a.yaml": document("Pay"), "CODEOWNERS": "[API] @acme/guild/pay\napi/\n"})
    owner = owner_of(catalog)
    assert (owner.team, owner.contact, owner.provenance) == ("pay", "@acme/guild/pay", "CODEOWNERS:2")


def test_gitlab_leaves_out_what_a_section_excludes(estate: Estate) -> None:
    rules = "[All] @acme/all\n*\n!/api/*.yaml\n/api/ @acme/api\n[Few] @acme/few\n/api/\n"
    owner = owner_of(estate({"api/a.yaml": document("Pay"), ".gitlab/CODEOWNERS": rules}))
    assert (owner.team, owner.contact) == ("few", "@acme/few")


def test_optional_sections_count_where_no_other_does(estate: Estate) -> None:
    owner = owner_of(estate({"a.yaml": document("Pay"), "CODEOWNERS": "^[Some] @acme/some\n*.yaml\n"}))
    assert owner.team == "some"


def test_patterns_begin_in_the_folder_of_the_repository_wherever_the_command_is_run(estate: Estate) -> None:
    files = {"repo/docs/CODEOWNERS": "/docs/api/ @acme/pay\n", "repo/docs/api/a.yaml": document("Pay")}
    assert owner_of(estate(files, paths=["repo/docs"])).provenance == "repo/docs/CODEOWNERS:1"


def test_a_file_that_is_named_is_read_from_anywhere(estate: Estate) -> None:
    files = {"repo/CODEOWNERS": "/api/ @acme/pay\n", "repo/api/a.yaml": document("Pay")}
    assert estate(files, paths=["repo/api"]).documents[0].owner is None
    assert owner_of(estate(files, paths=["repo/api"], named=["repo/CODEOWNERS"])).team == "pay"


def test_code_owners_who_differ_from_the_document_are_mentioned(estate: Estate) -> None:
    files = {"a.yaml": document("Pay", info=", x-owner: pay-core"), "CODEOWNERS": "* @acme/platform\n"}
    catalog = estate(files)
    assert owner_of(catalog).team == "pay-core"
    assert findings(catalog) == [("info", "ownership-conflict", "CODEOWNERS:1:1")]
    assert catalog.problems[0].message == "the owner of a.yaml is 'platform' here and 'pay-core' at a.yaml:3"


def test_code_owners_who_agree_add_who_can_be_asked(estate: Estate) -> None:
    files = {"a.yaml": document("Pay", info=", x-owner: {team: Pay Core}"), "CODEOWNERS": "* @acme/pay-core\n"}
    catalog = estate(files)
    owner = owner_of(catalog)
    assert (owner.team, owner.provenance, owner.contact) == ("Pay Core", "x-owner on info", "@acme/pay-core")
    assert owner.filled == (("contact", "CODEOWNERS:1"),)
    assert catalog.problems == ()
