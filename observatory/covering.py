"""Secrets in text: known by their form or by the name they are given, and covered before anybody sees them.

A document is handed round: in excerpts, JSON, SARIF, dashboards, catalogues. A password in it must not travel along, so
every text that is shown passes through here. Covering too much costs a reader a word; covering too little cannot be
taken back, so the rules for covering are wider than those for complaining (`observatory.spec.secrets`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

COVER = "***"
MAX_LOOK_BACK = 200
"""Lines above one that are looked at to see whether it continues a secret."""

_TOKENS = (
    ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{22,}"),
    ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{16,}"),
    ("Slack token", r"\bxox[a-z]-[A-Za-z0-9-]{10,}"),
    ("Slack webhook", r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}"),
    ("Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("API key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("Google API key", r"\bAIza[0-9A-Za-z_-]{30,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{30,}"),
    ("PyPI token", r"\bpypi-[A-Za-z0-9_-]{30,}"),
    ("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("JSON Web Token", r"(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]*PRIVATE KEY-----)?"),
)
_TOKEN = re.compile("|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate(_TOKENS)))
_SCHEME = re.compile(r"(?i)\b(bearer|basic)[ \t]+([A-Za-z0-9._~+/-]{6,}={0,2})")
_PAIR = re.compile(
    r"(?i)(?P<name>pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|(?:shared[_-]?)?(?:access|account|private|secret)[_-]?key"
    r"|signature|\bsig)\s{0,9}=\s{0,9}"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^;&\n\"'`<>{}()\[\]]{1,200}(?=;)|[^\s;&,\"'`<>{}()\[\]]+)"
)
_NAMED_JSON = re.compile(r'"(?P<name>[\w.\- ]{2,60})"\s*:\s*"(?P<value>(?:[^"\\]|\\.)+)"')
_ADDRESS = re.compile(r"(?<=://)[^\s\"'<>`]+")
_BARE_USERINFO = re.compile(
    r"(?<![\w/:@.+-])(?!(?:mailto|sips?|acct|xmpp|im|urn|tel):)[\w.+%~$-]{1,200}:(?!//)[^\s\"'@/,;{}]{1,200}@(?=[\w\[{])"
)
_CUT_USERINFO = re.compile(r"(?<=://)[^\s/?#@:\"'<>`{}$]{1,200}:(?!\d)[^\s/?#@\"'<>`{}]{3,200}(?=[\s\"'<>`]|$)")
_KEY_MATERIAL = re.compile(r"\s*(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+/]{40,100}={0,2}\s*")
_MARKS = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "slack.com/services/"),
    *("k_live_", "k_test_", "sk-", "AIza", "npm_", "pypi-", "SG.", "eyJ", "PRIVATE KEY"),
)
"""What a token begins with, or holds. Looking for these in a long text is faster than trying the expressions."""
_TRIGGER = re.compile(
    r"(?i)@|://|-----BEGIN|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|slack\.com|[sr]k[_-]|AIza|npm_|pypi-|SG\.|eyJ"
    r"|bearer|basic|pass|pwd|secret|token|key|sig"
)
_PLACEHOLDER = re.compile(
    r"(?i)[*.\s_-]*|<.*>|\{.*\}|\$\{?[\w.:/-]+\}?|\$\(.*\)|%[\w.]+%|x{3,}|(?:env|vault|file|secret|ref):.*|#/.*"
    r"|string|text|null|none|true|false|redacted|hidden|masked|secret|password|passwd|token|change[-_ ]?(?:me|it)"
    r"|todo|tbd|example|placeholder|uuid|jwt|dummy|your[-_ ].*|.*[-_]here|[|>][+-]?\d*"
)
_SECRET_NAMES = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|secretvalue|apikey|(?:secret|private|access|account|shared|signing"
    r"|encryption|master|storage|subscription)key|sharedaccesskey|secretaccesskey|accesskeyid|connectionstring|connstr"
    r"|jaasconfig|(?<!page)(?<!next)(?<!continuation)(?<!sync)(?<!cancel)(?<!cursor)(?<!paging)token)$"
)
_KEY_OF_LINE = re.compile(r"(?<![\w.\-])(?P<quote>[\"']?)(?P<name>[A-Za-z_][\w.\-]{1,80})(?P=quote)\s*[:=]\s*(?=\S)")
_PAIR_NAME = re.compile(r"(?<![\w.-])(?:name|key)[\"']?\s{0,9}:\s{0,9}[\"']?([\w.-]{2,80})")
_BRACKET = re.compile(r"[{}\[\]]|\"(?:[^\"\\]|\\.)*\"?")
_VALUE_KEYS = frozenset({"default", "example", "examples", "const", "enum", "value"})
_BEGIN_KEY, _END_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), re.compile(r"-----END [A-Z ]*PRIVATE KEY")


class Secret(NamedTuple):
    """Where a secret stands in a text, and what it is in a word or two."""

    start: int
    end: int
    kind: str


def may_hold_secrets(text: str) -> bool:
    """Whether a long text can hold a secret that `secrets_in` finds; a quick answer that may be wrongly yes."""
    if any(mark in text for mark in _MARKS) or ("@" in text and "://" in text):
        return True
    if '"' in text and _NAMED_JSON.search(text) is not None:
        return True
    if "=" in text and _PAIR.search(text) is not None:
        return True
    folded = text.casefold()
    return ("bearer" in folded or "basic" in folded) and _SCHEME.search(text) is not None


@lru_cache(maxsize=10_000)
def is_secret_name(name: str) -> bool:
    """Whether a key says that its value is a secret: `password`, `clientSecret`, `x-api-key`; not `routingKey`."""
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    return _SECRET_NAMES.search(word[-40:]) is not None


def is_placeholder(value: str) -> bool:
    """Whether a text stands for a secret without being one: `<token>`, `${TOKEN}`, `changeme`, `string`."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


def secrets_in(text: str) -> Iterator[Secret]:
    """Secrets that a text holds, known by their form alone. They may overlap."""
    if _TRIGGER.search(text) is None:
        return
    for match in _TOKEN.finditer(text):
        yield Secret(match.start(), match.end(), _TOKENS[int((match.lastgroup or "k0")[1:])][0])
    for match in _SCHEME.finditer(text):
        if _is_credential(match[1].lower(), match[2]):
            yield Secret(match.start(2), match.end(2), f"credential of the kind {match[1].capitalize()}")
    for match in _PAIR.finditer(text):
        if not is_placeholder(match["value"].strip("\"'")):
            yield Secret(match.start("value"), match.end("value"), f"value of {match['name']}")
    for match in _NAMED_JSON.finditer(text):
        if is_secret_name(match["name"]) and not is_placeholder(match["value"]):
            yield Secret(match.start("value"), match.end("value"), f"value of {match['name']}")
    yield from _userinfo(text)


def userinfo_in(address: str) -> Iterator[Secret]:
    """User and password in the address of a server, which may lack its scheme and may list several hosts."""
    yield from _userinfo(address)
    if "://" not in address:
        for match in re.finditer(r"(?:^|(?<=,))\s*([^\s@/,]+)@", address):
            if not _is_template(match[1]):
                yield Secret(match.start(1), match.end(1), "user and password")


def _userinfo(text: str) -> Iterator[Secret]:
    """User and password of each address with a scheme."""
    if "@" not in text:
        return
    for match in _ADDRESS.finditer(text):
        at = match.start()
        for part in match[0].split("://"):
            if (length := _length_of_userinfo(part)) and not _is_template(part[:length]):
                yield Secret(at, at + length, "user and password")
            at += len(part) + 3


def _length_of_userinfo(address: str) -> int:
    """Characters before the @ that ends user and password; 0 where there are none."""
    head = re.split(r"[/?#]", address, maxsplit=1)[0]
    last = address.rfind("@")
    # A password may hold what it should not, as `user:p@ss/word@host` does; `host:80/@scope/name` holds none.
    loose = ":" in head and not re.fullmatch(r"[^:@]*:\d+", head) and address[last - 1 : last] != "/"
    return max(last if loose else head.rfind("@"), 0)


def _is_template(userinfo: str) -> bool:
    """Whether user and password are variables to be filled in, or covered already."""
    parts = [part for part in userinfo.partition(":") if part not in ("", ":")]
    return all(is_placeholder(part) for part in parts)


def _is_credential(scheme: str, text: str) -> bool:
    """Whether the word behind `Basic` or `Bearer` is a credential and not the next word of a sentence."""
    if scheme == "bearer":
        return any(char.isdigit() for char in text) or len(text) >= 24
    try:
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return False


def covered(text: str) -> str:
    """The text with stars over each secret that it shows, as long as it was."""
    if _TRIGGER.search(text) is None:
        return text
    found = [*secrets_in(text), *_bare_userinfo(text)]
    found += [Secret(match.start(2), match.end(2), "") for match in _SCHEME.finditer(text)]
    # What follows may have been cut off: `amqp://user:password` at the end of a line.
    found += [Secret(match.start(), match.end(), "") for match in _CUT_USERINFO.finditer(text)]
    return starred(text, found)


def _bare_userinfo(text: str) -> Iterator[Secret]:
    for match in _BARE_USERINFO.finditer(text):
        if not _is_template(match[0][:-1]):
            yield Secret(match.start(), match.end() - 1, "user and password")


def starred(text: str, found: Sequence[Secret], cover: str | None = None) -> str:
    """The text with its secrets replaced: by `cover`, or by as many stars as they have characters."""
    parts: list[str] = []
    end = 0
    for secret in sorted(found):
        if secret.end <= end:
            continue
        begin = max(secret.start, end)
        parts += [text[end:begin], cover if cover is not None else "*" * (secret.end - begin)]
        end = secret.end
    return "".join([*parts, text[end:]])


def covered_line(lines: Sequence[str], index: int) -> str:
    """A line of a document for showing: covered by form, by the key it stands under, and by the lines around it."""
    line = lines[index]
    if _in_private_key(lines, index) or _KEY_MATERIAL.fullmatch(line):
        return re.sub(r"\S", "*", line)
    above = _secret_above(lines, index)
    if above and (above == "text" or _key_of(line) is None):
        return re.sub(r"\S", "*", line)
    names = _VALUE_KEYS if above else frozenset[str]()
    if any(
        is_secret_name(match[1]) for row in lines[max(0, index - 1) : index + 1] for match in _PAIR_NAME.finditer(row)
    ):
        names |= {"value"}  # {name: password, value: ...}
    return _covered_by_name(covered(line), names)


def _covered_by_name(line: str, names: frozenset[str]) -> str:
    """The line with the values of secret keys covered, and of schemas with such a name what they show of it."""
    found: list[Secret] = []
    at = inside = 0
    while match := _KEY_OF_LINE.search(line, at):
        at = match.end()
        secret = is_secret_name(match["name"])
        shows = match["name"] in _VALUE_KEYS and (at < inside or match["name"] in names)
        if not secret and not shows:
            continue
        if line[at] in "{[":
            end = _end_of_collection(line, at)
            if shows:
                found.append(Secret(at, end, ""))
                at = end
            else:
                inside = max(inside, end)
            continue
        end = _end_of_value(line, at)
        if not is_placeholder(line[at:end].strip("\"'")):
            found.append(Secret(at, end, ""))
        at = max(at, end)
    return starred(line, found)


def _end_of_collection(line: str, start: int) -> int:
    """Where a list or a mapping ends that opens in a line; its end where it does not close there."""
    level = 0
    for match in _BRACKET.finditer(line, start):
        if match[0] in "{[":
            level += 1
        elif match[0] in "]}":
            level -= 1
            if level == 0:
                return match.end()
    return len(line)


def _end_of_value(line: str, start: int) -> int:
    """Where a YAML or JSON text ends that starts in a line."""
    first = line[start]
    if first in "\"'":
        pattern = r'"(?:[^"\\]|\\.)*"?' if first == '"' else r"'(?:[^']|'')*'?"
        match = re.compile(pattern).match(line, start)
        return match.end() if match else len(line)
    before = line[:start]
    in_flow = before.count("{") > before.count("}") or before.count("[") > before.count("]")
    match = re.compile(r"[^,}\]]*" if in_flow else r".*").match(line, start)
    return match.end() if match else len(line)


def _key_of(line: str) -> tuple[str, str] | None:
    """Key and rest of a line in block style, None where it has none."""
    text = line.strip()
    while text.startswith("- "):
        text = text[2:].lstrip()
    name, colon, rest = text.partition(":")
    name = name.strip().strip("\"'")
    return (name, rest.strip()) if colon and re.fullmatch(r"[\w.\- ]{1,80}", name) else None


def _in_private_key(lines: Sequence[str], index: int) -> bool:
    for row in range(index - 1, max(0, index - MAX_LOOK_BACK) - 1, -1):
        if _END_KEY.search(lines[row]):
            return False
        if _BEGIN_KEY.search(lines[row]):
            return True
    return False


def _secret_above(lines: Sequence[str], index: int) -> str:
    """How a line belongs to a secret key that stands above it: `text` of it, one of its `parts`, or an empty text."""
    line = lines[index]
    if not line.strip() or line.strip()[0] in "{}[]":
        return ""
    indent = len(line) - len(line.lstrip())
    dashed = line.lstrip().startswith("- ")
    for row in range(index - 1, max(0, index - MAX_LOOK_BACK) - 1, -1):
        above = lines[row]
        own = len(above) - len(above.lstrip())
        if not above.strip() or own > indent or (own == indent and not (dashed and not above.lstrip().startswith("-"))):
            continue
        key = _key_of(above)
        if key is None:
            return ""
        if key[0] in _VALUE_KEYS and not key[1]:
            indent, dashed = own, False  # whose examples these are stands further up
            continue
        if not is_secret_name(key[0]):
            return ""
        return "text" if key[1][:1] in ("|", ">", '"', "'", "&", "!") else "parts"
    return ""
