"""Frozen values as plain tables and back: the form in which drafts are kept between runs.

Each class is a table of columns, and a value of a class is the number of its row, so what is shared stays shared and
is stored once. Plain data of documents (payload schemas, bindings) stands in a list of its own; parts that several
values share are stored once there too, because written out they can be larger than any disk.

The form is JSON. It holds data only: reading a table that somebody else has written can give wrong values, never run
anything. Column types come from the annotations of the classes, and are checked where a table is read.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson
from msgspec import Struct, field

T = TypeVar("T")
Column = list[Any]
SCALARS: tuple[type, ...] = (str, int, float, bool, types.NoneType)


class TableError(ValueError):
    """A value that tables cannot hold, or tables that hold no such value."""


class Tables:
    """Writes and reads values of one class and of all the classes that its annotations name."""

    def __init__(self, root: type[Struct]) -> None:
        self._classes: dict[type[Struct], list[tuple[str, _Kind]]] = {}
        self._add(root)
        self.root = root

    def write(self, value: object) -> bytes:
        """The value and everything it holds.

        Raises:
            TableError: It holds something that JSON has no form for, such as a number of a hundred digits.
        """
        writer = _Writer(self._classes)
        try:
            root = writer.row(value)
            return orjson.dumps([root, list(writer.columns.values()), *writer.plain.entries()])
        except (TypeError, ValueError, RecursionError) as error:
            raise TableError(str(error)) from None

    def read(self, raw: bytes) -> Any:
        """The value that was written.

        Raises:
            TableError: It is no such table.
        """
        try:
            root, tables, plain, holes = orjson.loads(raw)
            reader = _Reader(_plain(plain, holes))
            for one, columns in zip(self._classes, tables, strict=True):
                reader.table(one, self._classes[one], columns)
            return reader.rows[self.root][root]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise TableError(str(error)) from None

    def _add(self, one: type[Struct]) -> None:
        if one in self._classes:
            return
        hints = get_type_hints(one)
        columns = [(name, _kind(hints[name])) for name in one.__struct_fields__]
        for _, kind in columns:
            for inner in kind.classes():
                self._add(inner)
        # Classes stand behind those that they hold, so that rows find what they refer to.
        self._classes[one] = columns


class _Kind(Struct, frozen=True):
    """What a column holds: a scalar, plain data, a row, a container of `inner`, or either of two, scalar or tuple."""

    form: Literal["scalar", "plain", "row", "tuple", "record", "frozenset", "mapping", "either"]
    inner: tuple[_Kind, ...] = ()
    scalars: tuple[type, ...] = ()
    row: type[Struct] | None = None
    optional: bool = False

    def classes(self) -> list[type[Struct]]:
        return [self.row] if self.row else [one for kind in self.inner for one in kind.classes()]


def _kind(hint: Any) -> _Kind:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is object or hint is Any:
        return _Kind("plain")
    if origin is Literal:
        return _Kind("scalar", scalars=tuple({type(one) for one in arguments}))
    if origin in (Union, types.UnionType):
        tuples = [_kind(one) for one in arguments if get_origin(one) is tuple]
        kinds = [_kind(one) for one in arguments if one is not types.NoneType and get_origin(one) is not tuple]
        optional = types.NoneType in arguments
        if len(tuples) == 1 and kinds and all(kind.form == "scalar" for kind in kinds):
            scalars = tuple(one for kind in kinds for one in kind.scalars)
            return _Kind("either", (_Kind("scalar", scalars=scalars), *tuples), optional=optional)
        kinds += tuples
        if all(kind.form == "scalar" for kind in kinds):
            return _Kind("scalar", scalars=tuple(one for kind in kinds for one in kind.scalars), optional=optional)
        if len(kinds) == 1 and optional:
            one = kinds[0]
            return _Kind(one.form, one.inner, one.scalars, one.row, optional=True)
    elif hint in SCALARS:
        return _Kind("scalar", scalars=(int, float) if hint is float else (hint,))
    elif origin is tuple:
        if len(arguments) == 2 and arguments[1] is ...:
            return _Kind("tuple", (_kind(arguments[0]),))
        return _Kind("record", tuple(_kind(one) for one in arguments))
    elif origin in (dict, Mapping) and arguments[0] is str:
        return _Kind("mapping", (_kind(arguments[1]),))
    elif origin is frozenset:
        return _Kind("frozenset", (_kind(arguments[0]),))
    elif isinstance(hint, type) and issubclass(hint, Struct):
        return _Kind("row", row=hint)
    raise TypeError(f"tables have no form for {hint}")


class _Plain(Struct):
    """Plain data, each part that is shared stored once."""

    _roots: list[Any] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)

    def place(self, value: object) -> int:
        """The number of a value among those that are kept."""
        key = id(value)
        if key not in self._places:
            self._places[key] = len(self._roots)
            self._roots.append(value)
        return self._places[key]

    def entries(self) -> tuple[list[Any], list[list[Any]]]:
        """The values, with a hole where a shared part was; and for each hole its entry, its path, and what fills it."""
        shared = self._shared()
        holes: list[list[Any]] = []
        entries: list[Any] = []
        while len(entries) < len(self._roots):
            number = len(entries)
            entries.append(self._cut(self._roots[number], number, [], shared, holes) if shared else self._roots[number])
        return entries, holes

    def _shared(self) -> set[int]:
        """Ids of containers that more than one place holds."""
        met: set[int] = set()
        shared: set[int] = set()
        pending = [root for root in self._roots if isinstance(root, dict | list)]
        roots = {id(root) for root in pending}
        while pending:
            value = pending.pop()
            for part in value.values() if isinstance(value, dict) else value:
                if isinstance(part, dict | list) and part:
                    if id(part) in met or id(part) in roots:
                        shared.add(id(part))
                    else:
                        met.add(id(part))
                        pending.append(part)
        return shared

    def _cut(self, value: Any, number: int, path: list[str | int], shared: set[int], holes: list[list[Any]]) -> Any:
        if not isinstance(value, dict | list) or not value:
            return value
        if path and id(value) in shared:
            holes.append([number, path, self.place(value)])
            return None
        if isinstance(value, dict):
            return {key: self._cut(part, number, [*path, key], shared, holes) for key, part in value.items()}
        return [self._cut(part, number, [*path, place], shared, holes) for place, part in enumerate(value)]


def _plain(entries: list[Any], holes: Sequence[Sequence[Any]]) -> list[Any]:
    for number, path, filling in holes:
        holder = entries[number]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = entries[filling]
    return entries


class _Writer:
    def __init__(self, classes: dict[type, list[tuple[str, _Kind]]]) -> None:
        self._classes = classes
        self._rows: dict[int, int] = {}
        self._kept: list[object] = []
        self.columns: dict[type, list[Column]] = {one: [[] for _ in columns] for one, columns in classes.items()}
        self._counts: dict[type, int] = dict.fromkeys(classes, 0)
        self.plain = _Plain()

    def row(self, value: object) -> int:
        key = id(value)
        if key not in self._rows:
            one = type(value)
            cells = [self.cell(getattr(value, name), kind) for name, kind in self._classes[one]]
            for column, cell in zip(self.columns[one], cells, strict=True):
                column.append(cell)
            self._rows[key] = self._counts[one]
            self._counts[one] += 1
            self._kept.append(value)
        return self._rows[key]

    def cell(self, value: Any, kind: _Kind) -> Any:
        if kind.form == "scalar":
            return value
        if value is None:
            return None
        if kind.form == "row":
            return self.row(value)
        if kind.form == "plain":
            return self.plain.place(value)
        if kind.form == "record":
            return [self.cell(one, inner) for one, inner in zip(value, kind.inner, strict=True)]
        if kind.form == "mapping":
            return {key: self.cell(one, kind.inner[0]) for key, one in value.items()}
        if kind.form == "either":
            return self.cell(value, kind.inner[isinstance(value, tuple)])
        parts = [self.cell(one, kind.inner[0]) for one in value]
        return sorted(parts) if kind.form == "frozenset" else parts


class _Reader:
    def __init__(self, plain: list[Any]) -> None:
        self._plain = plain
        self.rows: dict[type[Struct], list[Any]] = {}

    def table(self, one: type[Struct], columns: Sequence[tuple[str, _Kind]], cells: Sequence[Column]) -> None:
        names = [name for name, _ in columns]
        filled = [self._column(kind, column) for (_, kind), column in zip(columns, cells, strict=True)]
        if one.__match_args__ == tuple(names) and len(set(map(len, filled))) == 1:
            self.rows[one] = list(map(one, *filled))
        else:
            self.rows[one] = [one(**dict(zip(names, row, strict=True))) for row in zip(*filled, strict=True)]

    def _column(self, kind: _Kind, column: Column) -> Column:
        if kind.form == "scalar":
            allowed = {*kind.scalars, types.NoneType} if kind.optional else set(kind.scalars)
            if not set(map(type, column)) <= allowed:
                raise TableError("a column holds values of another type")
            return column
        if not kind.optional and kind.form != "plain" and None in column:
            raise TableError("a value is missing")
        if kind.form in ("tuple", "frozenset") and kind.inner[0].form == "scalar":
            # The most frequent column: its parts are checked together.
            self._column(kind.inner[0], list(chain.from_iterable(cell for cell in column if cell is not None)))
            build = tuple if kind.form == "tuple" else frozenset
            return [None if cell is None else build(cell) for cell in column]
        read = self._cell(kind)
        return [None if cell is None else read(cell) for cell in column]

    def _cell(self, kind: _Kind) -> Callable[[Any], Any]:
        if kind.form == "plain":
            return self._plain.__getitem__
        if kind.form == "row":
            assert kind.row is not None
            return self.rows[kind.row].__getitem__
        if kind.form == "record":
            inner = [self._within(one) for one in kind.inner]
            return lambda cell: tuple(read(part) for read, part in zip(inner, cell, strict=True))
        if kind.form == "either":
            one, several = map(self._within, kind.inner)
            return lambda cell: several(cell) if isinstance(cell, list) else one(cell)
        read = self._within(kind.inner[0])
        if kind.form == "mapping":
            return lambda cell: {key: read(part) for key, part in cell.items()}
        build: Callable[[Any], Any] = frozenset if kind.form == "frozenset" else tuple
        return lambda cell: build([read(part) for part in cell])

    def _within(self, kind: _Kind) -> Callable[[Any], Any]:
        """How a part of a container is read."""
        if kind.form != "scalar":
            read = self._cell(kind)
            may_lack = kind.optional or kind.form == "plain"
            return (lambda cell: None if cell is None else read(cell)) if may_lack else read
        allowed = {*kind.scalars, types.NoneType} if kind.optional else set(kind.scalars)

        def check(cell: Any) -> Any:
            if type(cell) not in allowed:
                raise TableError("a value is of another type")
            return cell

        return check
