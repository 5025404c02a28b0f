"""The review as HTML, Markdown and JSON: the same numbers, the same bytes, safe with any text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from msgspec.structs import replace

from observatory.review.html import html
from observatory.review.markdown import markdown
from observatory.review.report import Review

HOSTILE = '<script>alert("x")</script> {{ 7*7 }} | `a` \x1b[31m'


class Tags(HTMLParser):
    """Collects tags and every attribute that could fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [f"{name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def october(story: Any) -> Review:
    story.objective("orders.v1", criticality="critical", bad=(("2026-10-05T12:00", 60, 10.0),))
    story.objective("refunds.v1", domain="shipping", bad=(("2026-09-12T12:00", 30, 2.0), ("2026-10-12T12:00", 30, 2.0)))
    story.objective("stock.v1", domain=None, unseen=(("2026-10-10T00:00", 1440),))
    story.objective("labels.v1", domain="shipping", measured=False, owner=None)
    made: Review = story.review()
    return made


def test_the_documents_are_as_reviewed(october: Review, golden: Callable[[str, str], None]) -> None:
    golden(html(october), "review/october.html")
    golden(markdown(october), "review/october.md")
    golden(json.dumps(october.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n", "review/october.json")


def test_the_same_review_gives_the_same_bytes(october: Review) -> None:
    assert html(october) == html(october)
    assert markdown(october) == markdown(october)


def test_the_page_has_no_script_and_fetches_nothing(october: Review) -> None:
    page = html(october)
    tags = Tags()
    tags.feed(page)

    assert "script" not in tags.tags
    assert "link" not in tags.tags
    assert tags.fetched == []
    assert "url(" not in page
    assert "@import" not in page
    assert tags.open == []


def test_hostile_names_are_text(story: Any) -> None:
    one = story.objective("orders", criticality="critical", bad=(("2026-10-05T12:00", 60, 10.0),))
    story.objectives[0] = replace(one, address=HOSTILE, domain=HOSTILE)
    review = story.review()
    page = html(review)
    tags = Tags()
    tags.feed(page)

    assert "script" not in tags.tags
    assert "49" not in re.findall(r"&lt;script&gt;.*?</b>", page)[0]
    assert "\\<script\\>" in markdown(review)
    assert all(line.count(" | ") < 12 for line in markdown(review).splitlines())


def test_the_numbers_of_the_page_are_those_of_the_json(october: Review) -> None:
    first = october.to_json()["objectives"][0]

    assert (first["id"], first["verdict"], first["good"], first["total"]) == (
        "shop/orders.v1/availability",
        "missed",
        445800.0,
        446400.0,
    )
    assert first["budget"]["spent"] == 600.0
    assert "445,800" in html(october)
    assert "600 of 446" in html(october)
    assert "445,800" in markdown(october)


def test_the_json_says_its_schema_and_null_for_what_is_not_known(october: Review) -> None:
    answer = october.to_json()
    unknown = next(one for one in answer["objectives"] if one["verdict"] == "unmapped")

    assert answer["schema"] == "observatory.review/1"
    assert (unknown["good"], unknown["ratio"], unknown["budget"], unknown["coverage"]) == (None, None, None, None)


def test_a_running_month_is_told_in_the_first_line(story: Any) -> None:
    story.objective("orders")
    from observatory.windows import parse_instant

    review = story.review(at_ms=parse_instant("2026-10-11T08:30:00Z"))

    assert "The month still runs: numbers reach to 11 Oct 08:30 UTC." in html(review)
