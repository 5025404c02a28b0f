"""YAML text, composed by libyaml and turned into values here.

Composing leaves nodes that know their place, so places cost nothing until one is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml
from yaml._yaml import CParser

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading.faults import (
    MAX_DEPTH,
    MAX_SCALAR,
    MAX_UNFOLDED,
    MAX_VALUES,
    duplicate,
    fault,
    too_deep,
    too_long,
    too_many,
)
from observatory.reading.lines import Lines
from observatory.reading.text import Place, Reading
from observatory.reading.yaml_syntax import SyntaxFault

_PLAIN_START = frozenset("0123456789+-.nNtTfF~")
_WORDS: dict[str, object] = {
    "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_CORE_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(_CORE_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))


class _Composer(CParser):
    """libyaml's composer without PyYAML's own resolving; a tag is empty unless the document wrote one."""

    resolve = "".format

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.values = 0

    def descend_resolver(self, parent: yaml.Node | None, _index: object) -> None:
        self.depth += 1
        self.values += 1
        if self.values > MAX_VALUES:
            raise _SizeError(parent)
        if self.depth > MAX_DEPTH + 1:
            # libyaml and Python recurse per level; the stack ends long before the document does.
            raise _DepthError(parent)

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _SizeError(Exception):
    """More values than the bound; its argument is the node that holds the first one too many."""


class _DepthError(Exception):
    """Nesting beyond the bound; its argument is the node that reached it."""


def read_yaml(text: str, path: str) -> Reading:
    """A YAML text as a reading; duplicate keys and unknown tags are left in its problems.

    Raises:
        InputInvalid: It is no YAML, or beyond a bound.
    """
    lines = Lines(text)
    try:
        root = _Composer(text).get_single_node()
    except _DepthError as error:
        raise InputInvalid(too_deep(_start(error.args[0], lines, path))) from None
    except _SizeError as error:
        raise InputInvalid(too_many(_start(error.args[0], lines, path))) from None
    except yaml.MarkedYAMLError as error:
        raise InputInvalid(SyntaxFault(error, lines, path).problem()) from None
    except yaml.YAMLError as error:
        raise InputInvalid(fault("yaml-syntax", f"not YAML: {error}", Location(path))) from None
    if root is None:
        raise InputInvalid(fault("document-empty", "the file holds nothing but comments", Location(path)))
    builder = _Builder(path, lines, aliased="*" in text and "&" in text)
    if builder.aliased:
        builder.weigh(root)
    data = builder.build(root)
    return Reading(path, data, tuple(builder.problems), YamlPlaces(root, lines))


def _is_mapping(node: yaml.Node) -> bool:
    return type(node) is yaml.MappingNode


def _start(node: yaml.Node, lines: Lines, path: str, length: int = 0) -> Location:
    return Location(path, *lines.of(node.start_mark), length)


class _Builder:
    """Values from nodes. `aliased` documents keep one value per node, so that repeated parts are shared."""

    def __init__(self, path: str, lines: Lines, *, aliased: bool) -> None:
        self.path = path
        self.lines = lines
        self.aliased = aliased
        self.problems: list[Problem] = []
        self._built: dict[yaml.Node, object] = {}
        self._firsts: dict[int, dict[str, yaml.Node]] = {}

    def weigh(self, root: yaml.Node) -> None:
        """Refuse documents whose aliases form a circle, or grow beyond a bound when written out."""
        measured: dict[yaml.Node, tuple[int, int]] = {}
        open_nodes: set[yaml.Node] = set()

        def measure(node: yaml.Node) -> tuple[int, int]:
            """Values in a node and levels below it."""
            if isinstance(node, yaml.ScalarNode):
                return 1, 0
            if node in measured:
                return measured[node]
            if node in open_nodes:
                message = "an alias refers to a value that it is itself part of"
                raise InputInvalid(fault("alias-cycle", message, self._at(node)))
            open_nodes.add(node)
            parts = [part for pair in node.value for part in pair] if _is_mapping(node) else node.value
            sizes = [measure(part) for part in parts]
            open_nodes.discard(node)
            values = 1 + sum(size[0] for size in sizes)
            levels = 1 + max((size[1] for size in sizes), default=0)
            if values > MAX_UNFOLDED:
                message = f"aliases grow this value to more than {MAX_UNFOLDED:,} values"
                raise InputInvalid(fault("alias-expansion", message, self._at(node)))
            if levels > MAX_DEPTH:
                raise InputInvalid(too_deep(self._at(node)))
            measured[node] = values, levels
            return values, levels

        measure(root)

    def build(self, node: yaml.Node) -> object:
        """The plain value of a node."""
        if node.tag and node.tag != "!":
            return self._tagged(node)
        return self._scalar(node) if type(node) is yaml.ScalarNode else self._collection(node)

    def _collection(self, node: yaml.Node) -> object:
        if self.aliased and node in self._built:
            return self._built[node]
        built = self._mapping(node.value) if _is_mapping(node) else [self.build(item) for item in node.value]
        if self.aliased:
            self._built[node] = built
        return built

    def _scalar(self, node: yaml.ScalarNode) -> object:
        text: str = node.value
        if len(text) > MAX_SCALAR:
            raise InputInvalid(too_long(self._at(node)))
        if node.style != "":
            return text
        if not text:
            return None
        return plain(text) if text[0] in _PLAIN_START else text

    def _mapping(self, pairs: list[tuple[yaml.Node, yaml.Node]]) -> dict[str, object]:
        mapping: dict[str, object] = {}
        merged: dict[str, object] = {}
        build, scalar, empty = self.build, yaml.ScalarNode, True
        for key_node, value_node in pairs:
            if type(key_node) is not scalar:
                message = "a key is a list or a mapping"
                hint = "write keys as plain text; braces that belong to a template are put in quotes: '{{ name }}'"
                raise InputInvalid(fault("key-not-text", message, self._at(key_node), hint))
            key = key_node.value
            if key == "<<" and key_node.style == "":
                self._merge(value_node, merged)
                empty = False
                continue
            if key in mapping:
                self.problems.append(self._duplicate(key, key_node, pairs))
            if type(value_node) is scalar and not value_node.tag:
                text = value_node.value
                # The common case of `_scalar`, without two calls per value.
                if value_node.style == "" and text and text[0] not in _PLAIN_START and len(text) <= MAX_SCALAR:
                    mapping[key] = text
                else:
                    mapping[key] = self._scalar(value_node)
            else:
                mapping[key] = build(value_node)
        return mapping if empty else merged | mapping

    def _duplicate(self, key: str, node: yaml.Node, pairs: list[tuple[yaml.Node, yaml.Node]]) -> Problem:
        if id(pairs) not in self._firsts:  # a mapping with one repeated key may have a hundred thousand
            self._firsts[id(pairs)] = {one.value: one for one, _ in reversed(pairs)}
        first = self._firsts[id(pairs)][key]
        at = _start(node, self.lines, self.path, _place(node, self.lines)[2])
        return duplicate(key, at, self.lines.of(first.start_mark)[0])

    def _at(self, node: yaml.Node) -> Location:
        return _start(node, self.lines, self.path)

    def _merge(self, node: yaml.Node, into: dict[str, object]) -> None:
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self.build(part)
            if not isinstance(value, dict):
                message = "the merge key << needs a mapping or a list of mappings"
                raise InputInvalid(fault("yaml-syntax", message, self._at(part)))
            for key, one in value.items():
                into.setdefault(key, one)

    def _tagged(self, node: yaml.Node) -> object:
        if node.tag not in _KNOWN_TAGS:
            message = f"the tag {node.tag.replace(_CORE_TAG, '!!')} has no meaning here"
            self.problems.append(fault("yaml-tag", message, self._at(node), "write the plain value"))
        if not isinstance(node, yaml.ScalarNode):
            return self._collection(node)
        return plain(node.value) if node.tag in _KNOWN_TAGS and node.tag != _CORE_TAG + "str" else node.value


def plain(text: str) -> object:
    """The value of an unquoted scalar by the core schema of YAML 1.2; infinities and NaN stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    if _OTHER_BASE.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    return text


class YamlPlaces:
    """Places by path, out of libyaml's node tree; a mapping is indexed when it is first passed through."""

    def __init__(self, root: yaml.Node, lines: Lines) -> None:
        self._root = root
        self._lines = lines
        self._indexes: dict[yaml.Node, dict[str, tuple[yaml.Node, yaml.Node]]] = {}

    def find(self, segments: Sequence[str]) -> tuple[Place | None, Place]:
        """See `Places`."""
        node, key_node = self._root, None
        known = self._indexes
        for segment in segments:
            if isinstance(node, yaml.MappingNode):
                pair = (known.get(node) or self._index(node)).get(segment)
                if pair is None:
                    break
                key_node, node = pair
            elif isinstance(node, yaml.SequenceNode) and segment.isdecimal() and int(segment) < len(node.value):
                key_node, node = None, node.value[int(segment)]
            else:
                break
        key = _place(key_node, self._lines) if key_node is not None else None
        return key, _place(node, self._lines)

    def _index(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        index = self._indexes.get(node)
        if index is None:
            index = {}
            for key, value in node.value:
                if key.value == "<<" and key.style == "":
                    for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                        for name, pair in self._index(part).items():
                            index.setdefault(name, pair)
            index |= {key.value: (key, value) for key, value in node.value}
            self._indexes[node] = index
        return index


def _place(node: yaml.Node, lines: Lines) -> Place:
    line, column = lines.of(node.start_mark)
    last, end = lines.of(node.end_mark)
    return line, column, end - column if last == line else 0
