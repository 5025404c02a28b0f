"""Scripts and styles: compressed once, better later, and known by their content."""

from __future__ import annotations

import time
from pathlib import Path

import cramjam
import pytest
from flask.testing import FlaskClient
from web.factories import AT_MS, HandMadeEstate

import observatory.web
from observatory.web.server import build_site
from observatory.web.static_files import compressed

STYLE = Path(observatory.web.__file__).parent / "assets" / "observatory.css"


@pytest.fixture
def client() -> FlaskClient:
    return build_site(HandMadeEstate(), clock=lambda: AT_MS).server.test_client()  # type: ignore[arg-type]


def test_a_style_sheet_travels_compressed_and_opens_to_the_same_bytes(client: FlaskClient) -> None:
    answer = client.get("/assets/observatory.css", headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert bytes(cramjam.brotli.decompress(answer.get_data())) == STYLE.read_bytes()
    assert len(answer.get_data()) < STYLE.stat().st_size / 3


def test_a_browser_that_takes_no_compression_gets_the_file_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/assets/observatory.css")
    assert "Content-Encoding" not in answer.headers
    assert answer.get_data() == STYLE.read_bytes()


def test_the_better_compression_takes_the_place_of_the_quick_one(client: FlaskClient) -> None:
    better = compressed(STYLE.read_bytes(), "br", better=True)
    deadline = time.monotonic() + 60
    while (answer := client.get("/assets/observatory.css", headers={"Accept-Encoding": "br"})).get_data() != better:
        assert time.monotonic() < deadline
    assert len(answer.get_data()) < len(compressed(STYLE.read_bytes(), "br"))


def test_a_file_that_a_browser_has_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/assets/observatory.css", headers={"Accept-Encoding": "br"})
    again = client.get("/assets/observatory.css", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.get_data() == b""


def test_fonts_are_sent_as_they_are_and_kept_for_good(client: FlaskClient) -> None:
    answer = client.get("/assets/fonts/inter-regular.woff2", headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in answer.headers
    assert "immutable" in answer.headers["Cache-Control"]
