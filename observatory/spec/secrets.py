"""Secrets in documents: reported where they stand, and covered before anybody else reads the values.

Everything that is made from a document (messages, catalogue, dashboards, rules, reviews) is made from values that have
passed through here, so none of it can show a secret. References stay as they are, for they have to be followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from observatory.covering import (
    COVER,
    Secret,
    is_placeholder,
    is_secret_name,
    may_hold_secrets,
    secrets_in,
    starred,
    userinfo_in,
)
from observatory.errors import Problem
from observatory.reading import Reading

_ADDRESS_KEYS = frozenset({"url", "host"})
_VALUE_KEYS = frozenset({"default", "const", "example", "examples", "enum", "value"})
"""Keys under which a schema or a variable that is named for a secret holds one."""
_OTHER_NAMES = frozenset({"scopes"})
"""Mappings whose keys are names of other things."""
_UNNAMED = ""
"""Stands for the name of what lies in such a mapping: no key below it names a secret."""
_SHORTEST = 4
_LONGEST_NAME = 40
_HINT = "take it out of the document, and change it: whoever reads the document has it"
Path = tuple[str, ...]


def without_secrets(reading: Reading) -> Reading:
    """The reading with every secret in it covered, a warning for each among its problems, and its keys noted.

    The values are changed in place: nobody else has seen them.
    """
    texts, keys, values = _words_of(reading.data)
    reading = replace(reading, keys=frozenset(keys), values=values)
    forms = may_hold_secrets("\n".join(texts))
    addresses = any("@" in text for text in texts)
    named = any(map(is_secret_name, keys))
    if not named and {"name", "value"} <= keys:  # in pairs such as {name: password, value: ...} names are texts
        named = any(len(text) < _LONGEST_NAME and is_secret_name(text) for text in texts)
    if not forms and not addresses and not named:
        return reading  # the common case, found without looking at every value by itself
    search = _Search(reading, forms=forms)
    search.value(reading.data, (), named=None)
    return replace(reading, problems=(*reading.problems, *search.problems)) if search.problems else reading


def without_secret(key: str) -> str:
    """A key that becomes a name, as the channels of 2.x do, with the secrets in it covered; the document keeps it."""
    return starred(key, [*secrets_in(key)], COVER)


def _words_of(data: Any) -> tuple[list[str], set[str], int | None]:
    """Every text among the values, keys included, the keys, and how many values there are.

    Parts that an alias repeats are looked at once, and then the values are not counted.
    """
    texts: list[str] = []
    keys: set[str] = set()
    seen: set[int] = set()
    pending = [data]
    values, aliased = 1, False
    while pending:
        value = pending.pop()
        if id(value) in seen:
            aliased = True
            continue
        seen.add(id(value))
        if type(value) is dict:
            keys.update(value)
            parts: Iterable[Any] = value.values()
        elif type(value) is list:
            parts = value
        else:
            continue
        values += len(value)
        for part in parts:
            kind = type(part)
            if kind is str:
                texts.append(part)
            elif kind is dict or kind is list:
                pending.append(part)
    texts += keys
    return texts, keys, None if aliased else values


class _Search:
    """Walks through the values of one file; parts that an alias repeats are looked at once."""

    def __init__(self, reading: Reading, *, forms: bool) -> None:
        self.reading = reading
        self.forms = forms
        self.problems: list[Problem] = []
        self._seen: set[tuple[int, str | None]] = set()

    def value(self, value: Any, path: Path, named: str | None) -> None:
        """Look through a mapping or a list; `named` is the secret key that it stands under."""
        key = (id(value), named)
        if key in self._seen:
            return
        self._seen.add(key)
        if isinstance(value, dict):
            self._mapping(value, path, named)
        elif isinstance(value, list):
            for index, part in enumerate(value):
                if isinstance(part, str):
                    value[index] = self._text(part, (*path, str(index)), named)
                elif isinstance(part, dict | list):
                    self.value(part, (*path, str(index)), named)
                elif named:
                    value[index] = self._number(part, (*path, str(index)), named)

    def _mapping(self, value: dict[str, Any], path: Path, named: str | None) -> None:
        if "value" in value and named is None and isinstance(value.get("name"), str) and is_secret_name(value["name"]):
            named = value["name"]  # a pair: {name: password, value: ...}
        for key, part in value.items():
            if self.forms and len(key) >= _SHORTEST and (found := [*secrets_in(key)]):
                self._report(found, (*path, key), at_key=True)
            if isinstance(part, str):
                if key == "$ref":
                    self._report([*secrets_in(part)], (*path, key))
                elif len(part) >= _SHORTEST:
                    name = self._name(key, named)
                    new = self._text(
                        part, (*path, key), name, address=key in _ADDRESS_KEYS and path[:1] == ("servers",)
                    )
                    if new is not part:
                        value[key] = new
            elif isinstance(part, dict | list):
                # A list under such a name is a list of scopes, mostly: `security: [{apiKey: [read]}]`.
                own = isinstance(part, dict) or key in _VALUE_KEYS
                below = self._name(key, named) if own else None
                self.value(part, (*path, key), _UNNAMED if key in _OTHER_NAMES else below)
            elif part is not None and (name := self._name(key, named)) is not None:
                value[key] = self._number(part, (*path, key), name)

    @staticmethod
    def _name(key: str, named: str | None) -> str | None:
        """The secret that a key names: its own, or that of the schema whose example it holds."""
        if named == _UNNAMED:
            return None
        if named is not None and key in _VALUE_KEYS:
            return named
        return key if is_secret_name(key) else None

    def _text(self, text: str, path: Path, named: str | None, *, address: bool = False) -> str:
        if len(text) < _SHORTEST:
            return text
        found = [*secrets_in(text)] if self.forms else []
        if address:
            found += userinfo_in(text)
        if named and not found and _plausible(text, named):
            found = [Secret(0, len(text), f"value of {named}")]
        if not found:
            return text
        self._report(found, path, address=address)
        return starred(text, found, COVER)

    def _number(self, value: Any, path: Path, named: str) -> Any:
        """A number under the name of a secret; `maxLength: 20` of its schema is none."""
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) < 10**_SHORTEST:
            return value
        self._report([Secret(0, 0, f"value of {named}")], path)
        return COVER

    def _report(self, found: list[Secret], path: Path, *, address: bool = False, at_key: bool = False) -> None:
        kinds = list(dict.fromkeys(secret.kind for secret in found))
        for kind in kinds:
            in_url = kind == "user and password"
            message = f"this looks like a secret: {_article(kind)}"
            if in_url:
                message = f"the address {'of this server ' if address else ''}holds credentials"
            self.problems.append(
                Problem(
                    code="secret-in-url" if in_url else "secret-in-document",
                    severity="warning",
                    message=message,
                    location=self.reading.at(path, key=at_key),
                    hint=_HINT.replace("it", "them", 2) if in_url else _HINT,
                )
            )


def _article(kind: str) -> str:
    if kind.startswith("value of "):
        return f"the value of {kind.removeprefix('value of ')!r}"
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def _plausible(text: str, named: str) -> bool:
    """Whether the text under a secret's name can be the secret, and is no description of it."""
    if is_placeholder(text):
        return False
    words = list(_words(text))
    return len(words) == 1 or ("pass" in named.lower() and len(words) <= _SHORTEST and not text.endswith("."))


def _words(text: str) -> Iterator[str]:
    return iter(text.split())
