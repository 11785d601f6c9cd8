"""From parsed JSON to the record's types, strictly: a wrong type, a missing and an unknown field are errors.

Standard library only. What a file says is data: nothing here opens, imports or evaluates any of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

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
    if not isinstance(value, dict):
        raise DecodeError(f"{where or 'top'}: expected an object, found {_found(value)}")
    hints = _hints(cast("Hashable", kind))
    if surplus := sorted(map(str, value.keys() - hints.keys())):
        raise DecodeError(f"{where or 'top'}: unknown field {surplus[0][:80]!r}")
    if missing := [name for name in hints if name not in value]:
        raise DecodeError(f"{where or 'top'}: field {missing[0]!r} is missing")
    decoded = {name: _decode(hint, value[name], f"{where}.{name}".lstrip(".")) for name, hint in hints.items()}
    try:
        return kind(**decoded)
    except ValueError as error:
        raise DecodeError(f"{where or 'top'}: {error}") from error


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    """Return the fields of a dataclass that a file holds, with their types resolved."""
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind) if one.compare}  # type: ignore[arg-type]


def _decode(hint: Any, value: object, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _decode_union(get_args(hint), value, where)
    if origin is tuple:
        return _decode_tuple(get_args(hint), value, where)
    if origin is Mapping:
        return _decode_mapping(get_args(hint)[1], value, where)
    if is_dataclass(hint):
        return decode(hint, value, where)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if not isinstance(value, str) or value not in list(hint):
            raise DecodeError(f"{where}: expected one of {', '.join(hint)}, found {_found(value)}")
        return hint(value)
    return _decode_scalar(hint, value, where)


def _decode_scalar(hint: type, value: object, where: str) -> object:
    if hint is float and type(value) in (int, float):
        number = _finite(value, where)
        return float(number)
    if type(value) is not hint:
        raise DecodeError(f"{where}: expected {_NAMES[hint]}, found {_found(value)}")
    if type(value) is int and abs(value) > MAX_WHOLE:
        raise DecodeError(f"{where}: a whole number beyond {MAX_WHOLE}")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise DecodeError(f"{where}: text of {len(value)} characters; the limit is {MAX_TEXT}")
    return value


def _decode_union(hints: tuple[Any, ...], value: object, where: str) -> Any:
    if value is None and NoneType in hints:
        return None
    rest = [hint for hint in hints if hint is not NoneType]
    if len(rest) == 1:
        return _decode(rest[0], value, where)
    if type(value) not in rest:  # a union of scalars: the exact type decides
        raise DecodeError(f"{where}: expected a text, a number or true or false, found {_found(value)}")
    return _decode_scalar(type(value), value, where)


def _decode_tuple(hints: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DecodeError(f"{where}: expected a list, found {_found(value)}")
    if hints[-1] is Ellipsis:
        hint = hints[0]
        if hint is float and set(map(type, value)) <= {float, int}:  # the long lists, checked at C speed
            return tuple(float(_finite(one, where)) for one in value)
        if hint is int and set(map(type, value)) <= {int}:
            return tuple(_decode_scalar(int, one, where) for one in value)
        return tuple(_decode(hint, one, f"{where}[{index}]") for index, one in enumerate(value))
    if len(value) != len(hints):
        raise DecodeError(f"{where}: expected {len(hints)} values, found {len(value)}")
    return tuple(
        _decode(hint, one, f"{where}[{index}]") for index, (hint, one) in enumerate(zip(hints, value, strict=True))
    )


def _decode_mapping(hint: Any, value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: expected an object, found {_found(value)}")
    return {name: _decode(hint, one, f"{where}[{str(name)[:80]!r}]") for name, one in value.items()}


def _finite(value: object, where: str) -> float | int:
    assert isinstance(value, int | float)
    try:
        if isfinite(value):
            return value
    except OverflowError:  # an integer beyond the range of a float
        pass
    raise DecodeError(f"{where}: expected a finite number, found {str(value)[:20]}")


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
