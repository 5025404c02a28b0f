"""Formats of text: what counts as an address, an e-mail address, a template and a regular expression."""

from __future__ import annotations

import pytest

from observatory.spec.formats import is_email, is_regular_expression, is_uri, is_uri_reference, is_uri_template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://harbour.example/a?b=c#d", True),
        ("urn:harbour:ships", True),
        ("mailto:pier4@harbour.example", True),
        ("http://[::1]:80/a", True),
        ("https://harbour.example/%41", True),
        ("localhost:9092", True),
        ("/contact", False),
        ("harbour.example", False),
        ("https://harbour.example/{site}", False),
        ("https://harbour.example/two words", False),
        ("https://harbour.example/%4", False),
        ("urn:", False),
        ("", False),
    ],
)
def test_an_absolute_address_has_a_scheme_and_no_foreign_characters(text: str, expected: bool) -> None:
    assert is_uri(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("#/channels/a", True), ("./b.yaml#/c", True), ("", True), ("#/channels/{a}", False), ("a b", False)],
)
def test_a_reference_may_be_relative(text: str, expected: bool) -> None:
    assert is_uri_reference(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("pier4@harbour.example", True), ("a.b+c@d-e.example", True), ("pier4@harbour", False), ("a@b@c.example", False)],
)
def test_an_e_mail_address_has_a_domain_of_two_labels(text: str, expected: bool) -> None:
    assert is_email(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ships/{berth}/in", True),
        ("ships.{a,b}", True),
        ("ships/#", True),
        ("ships.>", False),
        ("ships.{the-berth}", False),
        ("two words", False),
        ("ships.{", False),
    ],
)
def test_parameters_of_a_template_are_letters_digits_and_underscores(text: str, expected: bool) -> None:
    assert is_uri_template(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"^\d{3}-[A-Z]+$", True),
        (r"^\p{L}+$", True),
        (r"(?<year>\d{4})", True),
        (r"(?<=a+)b", True),
        (r"[^]", True),
        (r"[\w-.]", True),
        ("[a-z", False),
        ("a**", False),
        ("(?i)a", False),
        ("(?P<year>a)", False),
        ("a++", False),
        ("(", False),
    ],
)
def test_regular_expressions_are_those_of_javascript(text: str, expected: bool) -> None:
    assert is_regular_expression(text) is expected
