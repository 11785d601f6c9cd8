"""From parsed JSON to the record's types, strictly: a wrong type, a missing and an unknown field are errors.

One kind of field may be missing: what is marked as `ADDED_LATER` has its default in an older file.

Standard library only. What a file says is data: nothing here opens, imports or evaluates any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bench.record.added_later import ADDED_LATER

T = TypeVar("T")

MAX_TEXT = 10_000
"""Characters in one string of a file; the longest we write is a one-line reason."""

MAX_WHOLE = 2**53
"""Whole numbers up to here are exact as floats too; no count of ours comes near."""


class DecodeError(ValueError):
    """A file's content is not what its schema says; the message names the place and the fault."""


def decode(kind: type[T], value: object, where: str = "") -> T:
    """Return `value`, as parsed from JSON, as an instance of a record dataclass.

    Raises:
        DecodeError: naming the place inside the file, what was expected and what was found.
    """
    try:
        return cast("T", _record(cast("Hashable", kind))(value))
    except _MisfitError as misfit:
        place = f"{where}{''.join(reversed(misfit.place))}".lstrip(".")
        raise DecodeError(f"{place or 'top'}: {misfit.text}") from misfit


class _MisfitError(Exception):
    """A value is not what its type says.

    Attributes:
        text: what was expected and what was found.
        place: steps from the value outwards, which whoever holds it adds on the way.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.place: list[str] = []


Decoder = Callable[[object], Any]
"""Takes a parsed value and returns it as what its type says, or raises a misfit. Made once for each type, since a
gate of many files holds millions of values."""


@cache
def _record(kind: Hashable) -> Decoder:
    """Return the decoder of a dataclass: the fields that a file holds are those that make a record what it is."""
    hints = get_type_hints(kind)
    stored = [field for field in fields(kind) if field.compare]  # type: ignore[arg-type]
    decoders = {field.name: _decoder(hints[field.name]) for field in stored}
    needed = {field.name for field in stored if not field.metadata.keys() & ADDED_LATER.keys()}
    make = cast("Callable[..., object]", kind)

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _MisfitError(f"expected an object, found {_found(value)}")
        if not needed <= value.keys() <= decoders.keys():
            raise _MisfitError(_wrong_fields(value, decoders, needed))
        decoded = {}
        for name, content in value.items():
            try:
                decoded[name] = decoders[name](content)
            except _MisfitError as misfit:
                misfit.place.append(f".{name}")
                raise
        try:
            return make(**decoded)
        except ValueError as error:
            raise _MisfitError(str(error)) from error

    return read


def _wrong_fields(value: Mapping[Any, object], known: Mapping[str, object], needed: Collection[str]) -> str:
    if surplus := sorted(map(str, value.keys() - known.keys())):
        return f"unknown field {surplus[0][:80]!r}"
    return f"field {next(name for name in known if name in needed and name not in value)!r} is missing"


def _decoder(hint: Any) -> Decoder:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _union(get_args(hint))
    if origin is tuple:
        return _tuple(get_args(hint))
    if origin is Mapping:
        return _mapping(get_args(hint)[1])
    if is_dataclass(hint):
        return _record(cast("Hashable", hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enumeration(hint)
    return _FLOAT if hint is float else _scalar(hint)


def _enumeration(hint: type[StrEnum]) -> Decoder:
    members = {member.value: member for member in hint}

    def read(value: object) -> object:
        if not isinstance(value, str) or value not in members:
            raise _MisfitError(f"expected one of {', '.join(members)}, found {_found(value)}")
        return members[value]

    return read


def _scalar(hint: type) -> Decoder:
    def read(value: object) -> object:
        if type(value) is not hint:
            raise _MisfitError(f"expected {_NAMES[hint]}, found {_found(value)}")
        if type(value) is int and abs(value) > MAX_WHOLE:
            raise _MisfitError(f"a whole number beyond {MAX_WHOLE}")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise _MisfitError(f"text of {len(value)} characters; the limit is {MAX_TEXT}")
        if type(value) is float and not isfinite(value):
            raise _not_finite(value)
        return value

    return read


def _read_float(value: object) -> float:
    if type(value) is float and isfinite(value):
        return value
    if type(value) is not int:
        raise _not_finite(value) if type(value) is float else _MisfitError(f"expected a number, found {_found(value)}")
    try:
        return float(value)
    except OverflowError as error:  # an integer beyond the range of a float
        raise _not_finite(value) from error


_FLOAT: Decoder = _read_float


def _union(hints: tuple[Any, ...]) -> Decoder:
    optional = NoneType in hints
    rest = {hint: _decoder(hint) for hint in hints if hint is not NoneType}
    only = next(iter(rest.values())) if len(rest) == 1 else None

    def read(value: object) -> object:
        if value is None and optional:
            return None
        if only is not None:
            return only(value)
        if type(value) not in rest:  # a union of scalars: the exact type decides
            raise _MisfitError(f"expected a text, a number or true or false, found {_found(value)}")
        return rest[type(value)](value)

    return read


def _tuple(hints: tuple[Any, ...]) -> Decoder:
    if hints[-1] is Ellipsis:
        return _list(hints[0])
    decoders = [_decoder(hint) for hint in hints]

    def read(value: object) -> object:
        if not isinstance(value, list):
            raise _MisfitError(f"expected a list, found {_found(value)}")
        if len(value) != len(decoders):
            raise _MisfitError(f"expected {len(decoders)} values, found {len(value)}")
        return tuple(_items(zip(decoders, value, strict=True)))

    return read


def _list(hint: Any) -> Decoder:
    decoder = _decoder(hint)

    def read(value: object) -> object:
        if not isinstance(value, list):
            raise _MisfitError(f"expected a list, found {_found(value)}")
        if hint is float and set(map(type, value)) == {float} and isfinite(sum(value)):
            return tuple(value)  # the long lists, checked at C speed: a sum is finite only if every term is
        if hint is int and set(map(type, value)) == {int} and min(value) >= -MAX_WHOLE and max(value) <= MAX_WHOLE:
            return tuple(value)
        return tuple(_items((decoder, item) for item in value))

    return read


def _items(pairs: Iterable[tuple[Decoder, object]]) -> Iterator[object]:
    for index, (decoder, item) in enumerate(pairs):
        try:
            yield decoder(item)
        except _MisfitError as misfit:
            misfit.place.append(f"[{index}]")
            raise


def _mapping(hint: Any) -> Decoder:
    decoder = _decoder(hint)

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _MisfitError(f"expected an object, found {_found(value)}")
        decoded = {}
        for name, item in value.items():
            try:
                decoded[name] = decoder(item)
            except _MisfitError as misfit:
                misfit.place.append(f"[{str(name)[:80]!r}]")
                raise
        return decoded

    return read


def _not_finite(value: object) -> _MisfitError:
    return _MisfitError(f"expected a finite number, found {str(value)[:20]}")


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def _found(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case None:
            return "null"
        case str():
            return f"{value[:40]!r}"
        case _:
            return str(value)[:40]
