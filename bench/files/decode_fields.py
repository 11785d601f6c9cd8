"""From parsed JSON to the record's types, strictly: a wrong type, a missing and an unknown field are errors.

One kind of field may be missing: what is marked as `ADDED_LATER` has its default in an older file.

Each record of `bench.record` has a twin here, made from its fields: a structure of msgspec, which reads strictly and
fast, and refuses unknown fields. Records themselves stay dataclasses of the standard library, since workers import
them, and are made from their twins, so that they check themselves.
What a file says is data: nothing here opens, imports or evaluates any of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, lru_cache
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from bench.record.added_later import ADDED_LATER
from bench.record.case import Case

T = TypeVar("T")

MAX_TEXT = 10_000
"""Characters in one string of a file; the longest we write is a one-line reason."""

MAX_WHOLE = 2**53
"""Whole numbers up to here are exact as floats too; no count of ours comes near."""

MOST_SHARED = 4096
"""So many cases are kept to be shared."""

MAX_NAME = 80
"""So much of a name or a value that a file holds is repeated in a message."""

LIMITED: Mapping[type, Any] = {
    str: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)],
    int: Annotated[int, msgspec.Meta(ge=-MAX_WHOLE, le=MAX_WHOLE)],
    float: Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)],
}
"""Scalars within their limits: no infinity, and no NaN, which is in no range."""

WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "null",
    "object": "an object",
    "str": "a text",
}
"""What msgspec calls a type, and what it is called here."""

PLACED = re.compile(r"^(.*?)(?: - at `(?:key in )?\$(.*)`)?$", re.DOTALL)
"""A message of msgspec: the fault, and where in the value it is."""

MAPPED = "[...]"
"""An entry of a mapping, in such a place: which one is not told."""

STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
"""Any other part of it."""

FAULTS: Mapping[str, Callable[[str], str]] = {
    r"Object contains unknown field `(.*)`": lambda name: f"unknown field {name[:MAX_NAME]!r}",
    r"Object missing required field `(.*)`": lambda name: f"field {name!r} is missing",
    r"Expected `str` of length <= (\d+)": lambda most: f"expected a text of at most {most} characters",
    r"Expected `array` of length (\d+).*": lambda count: f"expected {count} values",
    r"Expected `float` [<>]=.*|Number out of range": lambda _: "expected a finite number",
    r"Expected `int` [<>]=.*": lambda _: f"expected a whole number within {MAX_WHOLE}",
    r"Expected `([^`]*)`(?:, got `[^`]*`)?": lambda types: f"expected {_name_types(types)}",
    r"Invalid enum value .*": lambda _: "expected a word that is known",
}
"""Messages of msgspec, and what is said here; the first that fits."""

ENOUGH = ("unknown field", "field ")
"""A fault that begins so says what was found."""


class DecodeError(ValueError):
    """A file's content is not what its schema says; the message names the place and the fault."""


def decode(kind: type[T], value: object, where: str = "") -> T:
    """Return `value`, as parsed from JSON, as an instance of a record dataclass.

    Raises:
        DecodeError: naming the place inside the file, what was expected and what was found.
    """
    try:
        twin = msgspec.convert(value, _make_twin(cast("Hashable", kind)))
    except msgspec.ValidationError as error:
        place, text = _describe(str(error), value)
        raise _error(where, place, text) from error
    try:
        return cast("T", _maker(cast("Hashable", kind))(twin))
    except _UnfitError as unfit:
        raise _error(where, "".join(reversed(unfit.place)), str(unfit)) from unfit


def _error(where: str, place: str, text: str) -> DecodeError:
    return DecodeError(f"{f'{where}{place}'.lstrip('.') or 'top'}: {text}")


class _UnfitError(Exception):
    """A record cannot be what a file says.

    Attributes:
        place: steps from the record outwards, which whoever holds it adds on the way.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.place: list[str] = []


@cache
def _make_twin(kind: Any) -> type[msgspec.Struct]:
    """Return the structure of a dataclass: the fields that a file holds are those that make a record what it is."""
    hints = get_type_hints(kind)
    listed: list[tuple[str, Any, Any]] = []
    for field in fields(kind):
        if not field.compare:
            continue
        hint = _replace_types(hints[field.name])
        default = _find_default(field) if field.metadata.keys() & ADDED_LATER.keys() else msgspec.NODEFAULT
        listed.append((field.name, hint, default))
    return msgspec.defstruct(kind.__name__, listed, kw_only=True, forbid_unknown_fields=True)


def _find_default(field: Field[Any]) -> Any:
    """Return what a structure has in place of a field that an older file lacks."""
    if field.default_factory is MISSING:
        return field.default
    return msgspec.field(default_factory=field.default_factory)


def _replace_types(hint: Any) -> Any:
    """Return a type with the twins of dataclasses in their place, and with limits on scalars."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return Union[tuple(_replace_types(part) for part in get_args(hint))]  # noqa: UP007  of any number of parts
    if origin is tuple:
        parts = tuple(part if part is Ellipsis else _replace_types(part) for part in get_args(hint))
        return GenericAlias(tuple, parts)
    if origin is Mapping:
        return GenericAlias(dict, (str, _replace_types(get_args(hint)[1])))
    if is_dataclass(hint):
        return _make_twin(cast("Hashable", hint))
    return LIMITED.get(hint, hint)


Maker = Callable[[Any], Any]
"""Makes what a record holds from what its twin holds."""


class _Maker:
    """Makes a record from its twin.

    Args:
        kind: the record's.
    """

    def __init__(self, kind: Any) -> None:
        hints = get_type_hints(kind)
        stored = [field for field in fields(kind) if field.compare]
        self._kind = kind
        self._names = [field.name for field in stored]
        makers = {name: _find_maker(hints[name]) for name in self._names}
        self._changes = {name: change for name, change in makers.items() if change is not None}

    def make(self, twin: msgspec.Struct) -> Any:
        """Return the record; raise _UnfitError if it cannot be."""
        return self.make_of(msgspec.structs.astuple(twin))

    def make_of(self, held: tuple[Any, ...]) -> Any:
        """Return the record of what its twin holds, in order."""
        values = dict(zip(self._names, held, strict=True))
        for name, change in self._changes.items():
            try:
                values[name] = change(values[name])
            except _UnfitError as unfit:
                unfit.place.append(f".{name}")
                raise
        try:
            return self._kind(**values)
        except ValueError as error:
            raise _UnfitError(str(error)) from error


@cache
def _maker(kind: Any) -> Maker:
    """Return what makes a record from its twin; of equal cases, which a file names again and again, there is one."""
    maker = _Maker(kind)
    if kind is not Case:
        return maker.make
    shared = lru_cache(maxsize=MOST_SHARED)(maker.make_of)
    return lambda twin: shared(msgspec.structs.astuple(twin))


def _find_maker(hint: Any) -> Maker | None:
    """Return what makes values of a type from twins; None if no dataclass is in it."""
    origin = get_origin(hint)
    if is_dataclass(hint):
        return _maker(cast("Hashable", hint))
    if origin in (Union, UnionType):
        found = [maker for part in get_args(hint) if part is not NoneType and (maker := _find_maker(part))]
        return (lambda value: None if value is None else found[0](value)) if found else None
    if origin is tuple:
        parts = get_args(hint)
        if parts[-1] is Ellipsis:
            each = _find_maker(parts[0])
            return None if each is None else lambda values: tuple(_make_items([each] * len(values), values))
        several = [_find_maker(part) for part in parts]
        return (lambda values: tuple(_make_items(several, values))) if any(several) else None
    if origin is Mapping:
        inner = _find_maker(get_args(hint)[1])
        return None if inner is None else lambda held: {name: inner(item) for name, item in held.items()}
    return None


def _make_items(makers: list[Maker | None], values: tuple[Any, ...]) -> list[Any]:
    made = []
    for index, (maker, value) in enumerate(zip(makers, values, strict=True)):
        try:
            made.append(value if maker is None else maker(value))
        except _UnfitError as unfit:
            unfit.place.append(f"[{index}]")
            raise
    return made


def _describe(message: str, value: object) -> tuple[str, str]:
    """Return where msgspec found a fault, and the fault in our words with what stands there."""
    placed = PLACED.match(message)
    assert placed is not None, "whatever a message is, it is a fault without a place"
    text, path = placed[1], placed[2] or ""
    fits = ((re.fullmatch(pattern, text, re.DOTALL), say) for pattern, say in FAULTS.items())
    said = next((say(match[1] or "" if match.re.groups else "") for match, say in fits if match), text[: 2 * MAX_NAME])
    if said.startswith(ENOUGH) or MAPPED in path:
        return path, said
    return path, f"{said}, found {_show(_follow(value, path))}"


def _name_types(said: str) -> str:
    """Return what msgspec expected; that it may be absent too helps nobody who put something else there."""
    names = [name for name in said.split(" | ") if name != "null"] or ["null"]
    return " or ".join(dict.fromkeys(WORDS.get(name, name) for name in names))


def _follow(value: object, path: str) -> object:
    """Return what stands at a place."""
    for name, index in STEP.findall(path):
        value = cast("Any", value)[name or int(index)]
    return value


def _show(found: object) -> str:
    match found:
        case dict():
            return "an object"
        case list():
            return "a list"
        case None:
            return "null"
        case str():
            return f"{found[: MAX_NAME // 2]!r}"
        case _:
            return str(found)[: MAX_NAME // 2]
