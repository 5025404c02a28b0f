"""Exclusions in observatory.yaml and in files: what is read, and what is said about what cannot be."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from observatory.errors import InputInvalid, Problem
from observatory.recurrence import Recurrence
from observatory.settings import load_settings
from observatory.settings.exclusions import Exclusion, Scope
from observatory.windows import TimeRange, format_instant, parse_instant

GOOD = "reason: Kafka 4 migration, approver: ana, scope: all, start: 2026-11-20T22:00:00Z"
SCHEMA = json.loads(files("observatory.settings").joinpath("schemas/exclusions.json").read_text(encoding="utf-8"))


def exclusions(text: str, folder: Path) -> tuple[Exclusion, ...]:
    path = folder / "observatory.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {}).exclusions


def refused(entry: str, folder: Path) -> list[Problem]:
    with pytest.raises(InputInvalid) as caught:
        exclusions(f"exclusions:\n  - {entry}\n", folder)
    return caught.value.problems


def test_a_migration_once_and_a_window_that_recurs(tmp_path: Path) -> None:
    once, weekly = exclusions(
        """
exclusions:
  - reason: Kafka 4 migration, CHG-1234
    approver: ana@example.com
    scope: {channels: ['orders.*', invoices], slis: availability}
    start: 2026-11-20T22:00:00Z
    end: 2026-11-21T02:00:00Z
  - reason: Weekly rebalancing
    approver: platform lead
    scope: {owners: [streaming], domains: [payments]}
    start: 2026-01-04T02:00:00
    duration: 90m
    recurs: FREQ=WEEKLY;BYDAY=SU
    timezone: Europe/London
""",
        tmp_path,
    )
    assert once == Exclusion(
        reason="Kafka 4 migration, CHG-1234",
        approver="ana@example.com",
        scope=Scope(channels=("orders.*", "invoices"), slis=("availability",)),
        when=TimeRange(parse_instant("2026-11-20T22:00:00Z"), parse_instant("2026-11-21T02:00:00Z")),
    )
    assert weekly.when == Recurrence(
        rule="FREQ=WEEKLY;BYDAY=SU",
        start=datetime(2026, 1, 4, 2),
        duration_seconds=5400,
        timezone="Europe/London",
    )
    assert str(once.location).endswith("observatory.yaml:3:5")


def test_days_on_which_what_recurs_is_left_out_and_groups(tmp_path: Path) -> None:
    (found,) = exclusions(
        f"exclusions:\n  - {{{GOOD.replace('scope: all', 'scope: {groups: pay-*}')}, duration: 90m, "
        "recurs: FREQ=WEEKLY;BYDAY=FR, timezone: Europe/London, except: [2026-12-25, 2026-12-11]}\n",
        tmp_path,
    )
    assert found.scope == Scope(groups=("pay-*",))
    december = TimeRange(parse_instant("2026-12-01T00:00:00Z"), parse_instant("2027-01-01T00:00:00Z"))
    assert [format_instant(one.start_ms) for one in found.spans(december)] == [
        "2026-12-04T22:00:00Z",
        "2026-12-18T22:00:00Z",
    ]


def test_files_of_exclusions_stand_beside_entries(tmp_path: Path) -> None:
    (tmp_path / "planned").mkdir()
    (tmp_path / "planned" / "2026.yaml").write_text(f"exclusions:\n  - {{{GOOD}, duration: 4h}}\n")
    (tmp_path / "planned" / "more.json").write_text(
        json.dumps(
            [{"reason": "x", "approver": "b", "scope": "all", "start": "2026-01-01T00:00:00Z", "duration": "1h"}]
        )
    )
    found = exclusions(
        f"exclusions: [planned/2026.yaml, planned/more.json, {{{GOOD}, end: 2026-11-20T23:00:00Z}}]\n", tmp_path
    )
    assert [one.approver for one in found] == ["ana", "b", "ana"]
    assert str(found[0].location).endswith("planned/2026.yaml:2:5")


def test_a_time_with_an_offset_is_an_instant_and_one_without_is_on_the_clock_of_the_zone(tmp_path: Path) -> None:
    entry = "reason: r, approver: a, scope: all, duration: 1h"
    offset, local = exclusions(
        f"exclusions:\n  - {{{entry}, start: '2026-07-01T12:00:00+02:00', timezone: Asia/Tokyo}}\n"
        f"  - {{{entry}, start: '2026-07-01T12:00', timezone: Europe/Berlin}}\n",
        tmp_path,
    )
    assert (
        offset.when
        == local.when
        == TimeRange(parse_instant("2026-07-01T10:00:00Z"), parse_instant("2026-07-01T11:00:00Z"))
    )


FOUR_HOURS = {"reason": "x", "approver": "a", "scope": "all", "start": "2026-11-20T22:00:00Z", "duration": "4h"}
END = {"duration": None, "end": "2026-11-21T02:00:00Z"}


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"approved_by": "bo"}, "exclusion-key", "an exclusion has no 'approved_by'"),
        ({"approver": None}, "exclusion-incomplete", "an exclusion needs an approver"),
        ({"reason": None}, "exclusion-incomplete", "an exclusion needs a reason"),
        ({"reason": " "}, "exclusion-incomplete", "an exclusion needs a reason"),
        ({"reason": "x" * 501}, "exclusion-value", "reason is text of at most 500 characters"),
        ({"scope": None}, "exclusion-incomplete", "an exclusion needs a scope"),
        ({"start": None}, "exclusion-incomplete", "an exclusion needs a start"),
        ({"duration": None}, "exclusion-time", "an exclusion ends by end or by duration, and has none"),
        ({"end": "2026-11-21T02:00:00Z"}, "exclusion-time", "by end or by duration, not by both"),
        (END | {"end": "2026-11-20T22:00:00Z"}, "exclusion-time", "an exclusion ends after it starts"),
        ({"duration": "9000h"}, "exclusion-time", "an exclusion lasts at most 366 days"),
        ({"duration": "soon"}, "exclusion-time", "'soon' is no duration"),
        ({"timezone": "Europe/Londres"}, "exclusion-time", "'Europe/Londres' is not a time zone"),
        ({"timezone": "../../etc/passwd"}, "exclusion-time", "'../../etc/passwd' is not a time zone"),
        ({"recurs": "FREQ=HOURLY"}, "exclusion-rule", "a rule says FREQ="),
        ({"except": ["2026-12-25"]}, "exclusion-time", "only what recurs has days without it"),
        ({"recurs": "FREQ=DAILY", "except": ["Christmas"]}, "exclusion-time", "'Christmas' is no day"),
        (END | {"recurs": "FREQ=DAILY"}, "exclusion-time", "what recurs says how long it lasts, by duration"),
        ({"scope": "payments"}, "exclusion-scope", "a scope is all, or says what is concerned"),
        ({"scope": {"domain": "p"}}, "exclusion-key", "a scope has no 'domain'"),
        ({"scope": {"domains": []}}, "exclusion-scope", "domains are one to 500 names or patterns"),
        ({"scope": {"domains": [4, "p"]}}, "exclusion-scope", "a pattern of domains is text"),
        ({"start": "2026-11-20T22:00:00"}, "exclusion-time", "has no offset, and there is no timezone"),
        ({"start": "tomorrow"}, "exclusion-time", "'tomorrow' is no time"),
        ({"start": "1999-01-01T00:00:00Z"}, "exclusion-time", "is no time from 2000 on"),
    ],
)
def test_what_cannot_be_used_is_said_in_its_place(
    change: dict[str, object], code: str, said: str, tmp_path: Path
) -> None:
    entry = {key: value for key, value in (FOUR_HOURS | change).items() if value is not None}
    (problem,) = refused(json.dumps(entry), tmp_path)
    assert problem.code == code
    assert said in problem.message
    assert "observatory.yaml:2:" in str(problem.location)


def test_what_is_no_mapping_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = refused("4", tmp_path)
    assert (problem.code, problem.message) == ("exclusion-value", "an exclusion is a mapping")
    missing, said = refused("missing.yaml", tmp_path)
    assert (missing.code, said.message) == ("file-missing", "the exclusions of 'missing.yaml' cannot be read")
    assert str(said.location).endswith("observatory.yaml:2:5")


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    problems = refused("{reason: '', scope: {domain: x}, start: now, recurs: FREQ=DAILY}", tmp_path)
    assert [problem.code for problem in problems] == [
        "exclusion-incomplete",
        "exclusion-incomplete",
        "exclusion-key",
        "exclusion-time",
    ]


def test_the_number_of_exclusions_is_bounded(tmp_path: Path) -> None:
    entry = f"  - {{{GOOD}, duration: 1h}}\n"
    with pytest.raises(InputInvalid) as caught:
        exclusions("exclusions:\n" + entry * 1001, tmp_path)
    assert [problem.message for problem in caught.value.problems] == ["there are more than 1000 exclusions"]


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        (f"[{{{GOOD}, duration: 4h}}]", True),
        (f"[{{{GOOD}, end: 2026-11-21T02:00:00Z}}, more.yaml]", True),
        (f"{{{GOOD}, duration: 90m, recurs: FREQ=WEEKLY;BYDAY=SU, timezone: Europe/London}}", True),
        (f"{{{GOOD}, duration: 90m, recurs: FREQ=DAILY, except: [2026-12-25]}}", True),
        (f"{{{GOOD}, duration: 90m, recurs: FREQ=DAILY, except: [25.12.]}}", False),
        (f"{{{GOOD}, duration: 90m, except: [2026-12-25]}}", False),
        (f"[{{{GOOD}}}]", False),
        (f"[{{{GOOD}, duration: 4h, end: 2026-11-21T02:00:00Z}}]", False),
        (f"[{{{GOOD}, end: 2026-11-21T02:00:00Z, recurs: FREQ=DAILY}}]", False),
        (f"[{{{GOOD}, duration: 4h, aprover: x}}]", False),
        ("[{approver: a, scope: all, start: 2026-11-20T22:00:00Z, duration: 4h}]", False),
        ("[{reason: r, approver: a, scope: {domain: x}, start: 2026-11-20T22:00:00Z, duration: 4h}]", False),
        ("4", False),
    ],
)
def test_the_published_schema_and_the_reader_agree(text: str, fine: bool, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("[]")
    # A loader that leaves times as text, as the reader of settings does.
    data = yaml.load(text, Loader=yaml.BaseLoader)
    valid = jsonschema.Draft7Validator(SCHEMA).is_valid(4 if text == "4" else data)
    try:
        exclusions(f"exclusions: {text}\n", tmp_path)
        read = True
    except InputInvalid:
        read = False
    assert (valid, read) == (fine, fine)
