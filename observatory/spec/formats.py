"""Formats of text that documents use: web addresses, e-mail addresses, templates, regular expressions.

Written here once, so that both validators give the same answer.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

_ESCAPED = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9\-._~!$&'()*+,;="
_PATH = rf"(?:[{_UNRESERVED}:@/]|{_ESCAPED})*"
_LOOSE_PATH = rf"(?:[{_UNRESERVED}\":@/]|{_ESCAPED})*"
_IP_LITERAL = r"\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\]"
_AUTHORITY = rf"//(?:(?:[{_UNRESERVED}:]|{_ESCAPED})*@)?{_IP_LITERAL}(?::[0-9]*)?(?:/{_PATH})?"
_REST = rf"(?:\?(?:[{_UNRESERVED}\":@/?]|{_ESCAPED})*)?(?:#(?:[{_UNRESERVED}\":@/?]|{_ESCAPED})*)?"
_SCHEME = r"[A-Za-z][A-Za-z0-9+\-.]*:"
_URI = re.compile(rf"{_SCHEME}(?:{_AUTHORITY}|(?=[^?#]){_PATH}){_REST.replace(chr(34), '')}")
_URI_REFERENCE = re.compile(rf"(?:{_SCHEME})?(?:{_AUTHORITY}|{_LOOSE_PATH}){_REST}")
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+{_LABEL}")
_VARIABLE = rf"(?:[A-Za-z0-9_]|{_ESCAPED})+(?::[1-9][0-9]{{0,3}}|\*)?"
_EXPRESSION = rf"\{{[+#./;?&=,!@|]?{_VARIABLE}(?:,{_VARIABLE})*\}}"
_TEMPLATE = re.compile(rf"""(?:[^\x00-\x20"'<>%\\^`{{|}}]|{_ESCAPED}|{_EXPRESSION})*""")
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_$])")
_SAFE_ESCAPE = re.compile(
    r"\\(?:[pP](?:\{[^}]*\})?|u\{[0-9A-Fa-f]+\}|c[A-Za-z]|k<[^>]*>|[A-CE-RT-VX-Zac-eg-mo-qsu-vx-z1-9])"
)
_FOREIGN = re.compile(r"\(\?(?:P[<=>]|#|>|\(|[aiLmsux-]+[:)])|(?:[*+?]|\{\d+(?:,\d*)?\})\+")
_LAX = ("look-behind", "bad character range \\", "invalid group reference", "incomplete escape", "-\\")
"""Words of Python's complaints about what JavaScript lets pass."""


def is_uri(text: str) -> bool:
    """Whether text is an absolute URI (RFC 3986): `https://a.example/b`, `urn:a:b`, `mailto:x`."""
    return _URI.fullmatch(text) is not None


def is_uri_reference(text: str) -> bool:
    """Whether text is a URI or a relative reference."""
    return _URI_REFERENCE.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether text is an address with a domain of at least two labels."""
    return _EMAIL.fullmatch(text) is not None


def is_uri_template(text: str) -> bool:
    """Whether text is a URI template (RFC 6570): braces hold names of letters, digits and underscores."""
    return _TEMPLATE.fullmatch(text) is not None


def is_regular_expression(text: str) -> bool:
    """Whether text is a regular expression of JavaScript, as far as Python can tell."""
    if re.search(r"[^\\]\\Z", text) or _FOREIGN.search(re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "_", text)):
        return False
    plain = text.replace("[^]", ".").replace("[]", "(?!)")
    plain = _NAMED_GROUP.sub("(?P<", plain)
    plain = _SAFE_ESCAPE.sub("_", plain)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(plain)
    except re.error as error:
        return any(word in str(error) for word in _LAX)
    except (OverflowError, RecursionError):
        return True
    return True


FORMATS: dict[str, Callable[[str], bool]] = {
    "uri": is_uri,
    "uri-reference": is_uri_reference,
    "email": is_email,
    "uri-template": is_uri_template,
    "regex": is_regular_expression,
}
"""What each `format` of the shipped schemas asks for."""
