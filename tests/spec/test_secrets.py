"""Secrets in documents: each is reported where it stands, and no output of any command shows it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import document_mutants
import pytest
from observatory_process import observatory

from observatory.cli.findings import as_github, as_text
from observatory.cli.sarif import as_sarif
from observatory.covering import covered, covered_line, is_placeholder, is_secret_name
from observatory.reading import read_text
from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog
from observatory.spec.secrets import without_secrets
from observatory.spec.topology import catalog_json

One = Callable[..., Catalog]
HEAD2 = "asyncapi: 2.6.0\ninfo: {title: Shop, version: '1'}\n"
HEAD3 = "asyncapi: 3.0.0\ninfo: {title: Shop, version: '1'}\n"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf\n-----END RSA PRIVATE KEY-----"
TOKENS = {
    "AKIA" + "QWERTYUIOPASDFGH": "an AWS access key",
    "ghp_" + "a1B2" * 9: "a GitHub token",
    "glpat-" + "aB3" * 7: "a GitLab token",
    "xoxb-" + "123456789012-abcdefABCDEF": "a Slack token",
    "sk_live_" + "4eC39HqLyjWDarjt": "a Stripe key",
    "AIza" + "SyD4x" * 7: "a Google API key",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "dozjgNryP4J3jVmNHl0w5N": "a JSON Web Token",
    KEY: "a private key",
}


def findings(catalog: Catalog) -> list[tuple[str, str]]:
    """Code and place of each problem."""
    return [(problem.code, str(problem.location)) for problem in catalog.problems]


def codes(text: str) -> list[tuple[str, str]]:
    """Code and message of each finding about a YAML text."""
    found = without_secrets(read_text(text, "doc.yaml")).problems
    return [(problem.code, problem.message) for problem in found]


@pytest.mark.parametrize("token", TOKENS, ids=TOKENS.values())
def test_a_token_is_known_by_its_form_wherever_it_stands(token: str) -> None:
    text = json.dumps({"info": {"description": f"call it with {token} and wait"}})
    reading = without_secrets(read_text(text, "doc.json"))
    (problem,) = reading.problems
    assert (problem.code, problem.severity) == ("secret-in-document", "warning")
    assert problem.message == f"this looks like a secret: {TOKENS[token]}"
    assert reading.data["info"]["description"] == "call it with *** and wait"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("password: correct-horse", "the value of 'password'"),
        ("clientSecret: abc123", "the value of 'clientSecret'"),
        ("x-api-key: abc123", "the value of 'x-api-key'"),
        ("AWS_SECRET_ACCESS_KEY: abc123", "the value of 'AWS_SECRET_ACCESS_KEY'"),
        ("password: 12345678", "the value of 'password'"),
        ("passphrase: correct horse battery staple", "the value of 'passphrase'"),
        ("properties: {password: {type: string, default: hunter2}}", "the value of 'password'"),
        ("properties: {token: {type: string, examples: [abc123def]}}", "the value of 'token'"),
        ("variables: {password: {enum: [hunter2]}}", "the value of 'password'"),
        ("examples: [{payload: {user: ada, password: hunter2}}]", "the value of 'password'"),
        ("headers: [{name: apiKey, value: abc123}]", "the value of 'apiKey'"),
        ("a: 'Endpoint=sb://x.example/;SharedAccessKey=abc+def='", "the value of 'SharedAccessKey'"),
        ("a: 'Server=db;User Id=sa;Password=My Pass;'", "the value of 'Password'"),
        ("a: 'https://x.example/?access_token=abc123&x=1'", "the value of 'token'"),
        ('a: \'required username="ada" password="hunter2";\'', "the value of 'password'"),
        ('example: \'{"password": "hunter2", "a": 1}\'', "the value of 'password'"),
        ("a: 'Authorization: Basic YWRhOmxvdmVsYWNl'", "a credential of the kind Basic"),
        ("a: 'Authorization: Bearer 4f9d2c7e1b'", "a credential of the kind Bearer"),
    ],
)
def test_a_secret_is_known_by_the_name_it_is_given(text: str, what: str) -> None:
    assert codes(text) == [("secret-in-document", f"this looks like a secret: {what}")]


@pytest.mark.parametrize(
    "text",
    [
        "password: {type: string, minLength: 12, description: 'The password of the user.'}",
        "properties: {password: {type: string, format: password, maxLength: 20000}}",
        "password: <password>",
        "password: ${PASSWORD}",
        "password: '{{ password }}'",
        "password: changeme",
        "password: '********'",
        "token: string",
        "secret: true",
        "securitySchemes: {token: {type: httpApiKey, name: api_key, in: header}}",
        "security: [{apiKey: [read, write]}]",
        "scopes: {token: readonly}",
        "scopes: [readonly, account]",
        "required: [password, token]",
        "flows: {password: {tokenUrl: 'https://x.example/token'}}",
        "nextPageToken: abc123def",
        "routingKey: orders.placed",
        "partitionKey: customer",
        "bearerFormat: JWT",
        "x-slo: {authorization: 99.9%}",
        "description: Basic authentication, and a bearer token is sent",
        "email: ada@example.com",
        "url: https://github.com/@scope/name",
        "a: amqp://{user}:{password}@{host}",
        "a: user@host and mailto:ada@example.com",
        "token: The token that the login service has given out",
    ],
)
def test_what_only_speaks_of_secrets_is_left_alone(text: str) -> None:
    reading = read_text(text, "doc.yaml")
    before = json.dumps(reading.data)
    assert without_secrets(reading).problems == ()
    assert json.dumps(reading.data) == before


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("admin:hunter2@broker:9092", "broker:9092"),
        ("kafka://admin:hunter2@broker:9092", "broker:9092"),
        ("guest@broker:5672", "broker:5672"),
        ("a:hunter2@one:9092,b:hunter3@two:9092", "one:9092,two:9092"),
        ("amqp://user:hun@ter2@broker", "broker"),
        ("amqp://user:p/hunter2@broker:5672", "broker:5672"),
        ("redis://:hunter2@broker:6379", "broker:6379"),
    ],
)
def test_credentials_of_a_server_are_reported_and_gone(one: One, address: str, host: str) -> None:
    catalog = one(
        HEAD2 + f"servers: {{p: {{url: '{address}', protocol: kafka}}}}\n"
        "channels: {a: {publish: {message: {payload: {type: string}}}}}\n"
    )
    assert findings(catalog) == [("secret-in-url", "doc.yaml:3:20")]
    (problem,) = catalog.problems
    assert problem.message == "the address of this server holds credentials"
    assert problem.hint == "take them out of the document, and change them: whoever reads the document has it"
    assert [server.host for server in catalog.channels[0].servers] == [host]


def test_variables_in_the_place_of_credentials_are_none(one: One) -> None:
    catalog = one(
        HEAD3
        + "servers: {p: {host: '{user}:{password}@broker', protocol: kafka, variables: {user: {}, password: {}}}}\n"
    )
    assert catalog.problems == ()


def test_a_secret_in_a_key_is_reported_at_the_key(one: One) -> None:
    catalog = one(HEAD2 + "channels: {'/ws?access_token=abc123': {}}\n")
    assert findings(catalog) == [("channel-key", "doc.yaml:3:12"), ("secret-in-document", "doc.yaml:3:12")]
    assert not any("abc123" in problem.render() for problem in catalog.problems)
    assert [channel.address for channel in catalog.channels] == ["/ws?access_token=***"]


SECRET_DOCUMENT = f"""\
asyncapi: 3.0.0
info:
  title: Shop
  version: 1.0.0
  description: 'log in with hunter2a: amqp://ada:hunter2a@rabbit.example'
servers:
  rabbit: {{host: 'ada:hunter2b@rabbit.example:5672', protocol: amqp, descripton: hunter}}
  other:
    host: '{{user}}:{{password}}@rabbit.example'
    protocol: amqp
    variables: {{user: {{default: ada}}, password: {{default: hunter2c}}}}
channels:
  orders:
    address: 'orders?token=hunter2d'
    adress: 'password=hunter2e'
    bindings: {{amqp: {{is: queue, queue: {{name: orders, password: hunter2f}}}}}}
    messages:
      placed:
        payload:
          type: object
          properties: {{password: {{type: string, default: hunter2g, examples: [hunter2h]}}}}
        examples: [{{payload: {{apiKey: hunter2i, user: ada}}, hedaers: {{token: hunter2jj}}}}]
operations:
  onOrder:
    action: password=hunter2k
    channel: {{$ref: 'https://ada:hunter2l@docs.example/x.yaml?token=hunter2m'}}
    x-owner: {{team: shop, clientSecret: hunter2n}}
    x-slo: {{availability: 'Password=hunter2o'}}
    bindings: {{kafka: {{clientId: {{type: string, enum: [client]}}, password: hunter2p}}}}
    x-criticality: 'Bearer hunter2qqqqqqqqqq'
    privateKey: |
      {KEY.replace(chr(10), chr(10) + "      ")}
"""


@pytest.mark.parametrize(
    "command",
    [
        *(("validate", "--format", form) for form in ("text", "json", "sarif", "github")),
        *(("catalog", "--format", form) for form in ("tree", "table", "json", "mermaid")),
        ("status", "--json", "--at", "2026-11-20T12:00:00Z", "--store", "none.duckdb"),
        ("map", "--json"),
    ],
)
def test_no_command_shows_a_secret(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "doc.yaml").write_text(SECRET_DOCUMENT, encoding="utf-8")
    name, *options = command
    ended = observatory(name, "doc.yaml", *options, cwd=tmp_path)
    said = ended.stdout + ended.stderr
    assert ended.returncode in (3, 4), said
    assert "hunter2" not in said.replace("log in with hunter2a", "")
    assert "MIIB" not in said
    assert "Traceback" not in said


def test_every_secret_of_a_document_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "doc.yaml"
    path.write_text(SECRET_DOCUMENT, encoding="utf-8")
    lines = SECRET_DOCUMENT.splitlines()
    reported = {
        one.location.line for one in load_catalog([path]).problems if one.code.startswith("secret-") and one.location
    }
    expected = {number for number, line in enumerate(lines, 1) if "hunter2" in line or "privateKey" in line}
    assert reported == expected


BROKEN = """\
asyncapi: 3.0.0
info:
  title: Shop
  password: hunter2a
  apiKey: 'hunter2b' x
"""


@pytest.mark.parametrize(
    "text",
    [
        BROKEN,
        'password: "hunter2\\q"\n',
        "password: hunter2: x\n",
        "a: {password: hunter2, b: [}\n",
        "password: |\n  hunter2\n \tx: 1\n",
        "password: @hunter2\n",
        "password: *hunter2\n",
        "url: amqp://ada:hunter2@host: x\n",
        f"key: |\n  {KEY.replace(chr(10), chr(10) + '  ')}\n wrong: 1\n".replace("MIIB", "hunter2"),
    ],
)
def test_no_excerpt_of_a_text_that_cannot_be_read_shows_a_secret(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("doc.yaml").write_text(text, encoding="utf-8")
    shown = "\n".join(problem.render() for problem in load_catalog([Path("doc.yaml")]).problems)
    assert "error[yaml-syntax]" in shown
    assert "hunter2" not in shown


def test_what_is_left_of_a_secret_that_was_cut_is_covered() -> None:
    assert covered("see amqp://ada:hunter2") == "see amqp://***********"
    assert covered("see http://host:8080 and http://{host}:{port}") == "see http://host:8080 and http://{host}:{port}"
    assert covered_line(["  " + KEY.splitlines()[1]], 0) == "  " + "*" * 44


def test_the_lines_below_a_secret_key_are_covered() -> None:
    lines = ["password: |", "  hunter2 and", "  more", "next: 1", "properties:", "  token:", "    type: string"]
    lines += ["    default: hunter2", "    examples:", "      - hunter2", "    title: t"]
    shown = [covered_line(lines, index) for index in range(len(lines))]
    assert shown[1:4] == ["  ******* ***", "  ****", "next: 1"]
    assert shown[6:] == ["    type: string", "    default: *******", "    examples:", "      * *******", "    title: t"]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("password", "db_password", "clientSecret", "x-api-key", "sasl.jaas.config")),
        *((name, True) for name in ("accessToken", "privateKey", "connectionString", "SECRET", "pwd")),
        *((name, False) for name in ("passwordFormat", "tokenUrl", "routingKey", "messageKey", "tokens", "secretary")),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


@pytest.mark.parametrize("value", ["<token>", "${TOKEN}", "$TOKEN", "%TOKEN%", "***", "xxxxx", "your-token", "string"])
def test_placeholders(value: str) -> None:
    assert is_placeholder(value)
    assert not is_placeholder("9f" + value)


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 200_000, "password=" * 20_000, "a:" * 100_000 + "@", "eyJ" * 70_000, "eyJaaaaaaaaa-" * 15_000),
        *("://" * 70_000 + "@", "bearer " * 30_000, '"a":' * 50_000, "-----BEGIN PRIVATE KEY-----" * 8_000),
        *("xoxb-" * 40_000, " " * 200_000 + "password:", "a=" * 100_000, "password='" * 20_000, "{" * 100_000),
    ],
)
def test_covering_takes_time_in_proportion_to_the_text(text: str) -> None:
    """A quadratic expression would run into the time limit of the suite here."""
    assert len(covered(text)) == len(text)
    assert len(covered_line([text, text], 1)) == len(text)


def broken_beside_secrets(seed: int) -> str:
    """The document with slips in lines that hold no secret."""
    chance = random.Random(seed)
    lines = SECRET_DOCUMENT.replace("log in with hunter2a: ", "").split("\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.choice([row for row, line in enumerate(lines) if "hunter2" not in line])
        mutate = chance.choice(document_mutants.TEXT_MUTATIONS)
        lines[at : at + 1] = mutate(chance, lines[at]).split("\n")
    return "\n".join(lines)


@pytest.mark.parametrize("batch", range(5))
def test_a_slip_beside_a_secret_does_not_uncover_it(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(batch * 100, batch * 100 + 100):
        Path("doc.yaml").write_text(broken_beside_secrets(seed), encoding="utf-8")
        catalog = load_catalog([Path("doc.yaml")])
        found = list(catalog.problems)
        shown = "\n".join([as_text(found), as_github(found), json.dumps(as_sarif(found, {}))])
        shown += json.dumps(catalog_json(catalog, list(catalog.channels), None))
        assert "hunter2" not in shown, seed
        assert "MIIB" not in shown, seed
