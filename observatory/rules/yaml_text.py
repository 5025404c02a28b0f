"""Rule files as YAML text: keys in the order given, long expressions as blocks, every value safely quoted."""

from __future__ import annotations

import re
from typing import Any

import yaml

_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")
"""Breaks of lines to readers of YAML 1.1, as Prometheus' is: unless escaped they come back as spaces."""


class _RuleDumper(yaml.SafeDumper):
    """Writes lists indented under their key, never uses anchors, and shows texts with line breaks as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _RuleDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _OTHER_BREAKS.search(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_RuleDumper.add_representer(str, _text)


def yaml_text(value: object, header: str = "") -> str:
    """The value as YAML; the header's lines become comments in front. Same value, same bytes."""
    comments = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    return comments + yaml.dump(value, Dumper=_RuleDumper, sort_keys=False, allow_unicode=True, width=10_000)
