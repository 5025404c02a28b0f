"""`serve` in the settings: who may ask the server, and what cannot be meant."""

from __future__ import annotations

import json
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path

import jsonschema
import pytest
import yaml

from observatory.errors import InputInvalid
from observatory.settings import AccessSettings, load_settings

SCHEMA = json.loads(files("observatory.settings").joinpath("schemas/serve.json").read_text(encoding="utf-8"))


def written(folder: Path, text: str) -> Path:
    path = folder / "observatory.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_users_are_looked_for_beside_the_settings_and_names_are_lower_case(tmp_path: Path) -> None:
    text = "serve: {users: users.txt, proxies: [10.0.0.7, 10.1.2.3/16, 'fd00::/8'], hosts: SLO.example.com}\n"
    assert load_settings(written(tmp_path, text), {}).serve == AccessSettings(
        users=tmp_path / "users.txt",
        proxies=(ip_network("10.0.0.7/32"), ip_network("10.1.0.0/16"), ip_network("fd00::/8")),
        user_header="X-Forwarded-User",
        hosts=frozenset({"slo.example.com"}),
    )


def test_every_fault_is_told_with_its_place(tmp_path: Path) -> None:
    text = (
        "serve:\n  user: a.txt\n  users: 5\n  proxies: [proxy.example, 0.0.0.0/0]\n"
        "  user_header: Authorization\n  hosts: ['https://slo.example.com']\n"
    )
    with pytest.raises(InputInvalid) as refused:
        load_settings(written(tmp_path, text), {})
    told = [
        (one.code, one.location.line, one.location.column, one.message)
        for one in refused.value.problems
        if one.location is not None
    ]
    assert sorted(told, key=lambda one: one[1:3]) == [
        ("settings-key", 2, 3, "there is no setting 'user' of serve"),
        ("settings-value", 3, 10, "users is a path, relative to the settings file"),
        ("settings-value", 4, 13, "a proxy is an address or a network"),
        ("settings-value", 4, 28, "0.0.0.0/0 believes everybody who calls themselves a proxy"),
        ("settings-value", 5, 16, "user_header is the name of a header that only the proxy sets"),
        ("settings-value", 6, 11, "a host is a name without scheme, port and path"),
    ]


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("{users: users.txt}", True),
        ("{proxies: 10.0.0.7, user_header: X-Remote-User}", True),
        ("{proxies: ['::1', 10.0.0.0/8], hosts: [a.example, b]}", True),
        ("{}", True),
        ("[]", False),
        ("{user: users.txt}", False),
        ("{users: ''}", False),
        ("{proxies: 7}", False),
        ("{proxies: ['::/0']}", False),
        ("{proxies: [proxy]}", False),
        ("{user_header: cookie}", False),
        ("{user_header: 'X User'}", False),
        ("{hosts: ['a.example:80']}", False),
        ("{hosts: ['*.example']}", False),
    ],
)
def test_the_published_schema_and_the_reader_agree(text: str, fine: bool, tmp_path: Path) -> None:
    assert jsonschema.Draft7Validator(SCHEMA).is_valid(yaml.safe_load(text)) is fine
    try:
        load_settings(written(tmp_path, f"serve: {text}\n"), {})
    except InputInvalid:
        assert not fine
    else:
        assert fine
