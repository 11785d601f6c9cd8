"""One log for run and gate: every event is on disk before the next is asked for, and all of them fold into a record.

Live and stored are read by the same fold: kill it anywhere, and what is on disk is the record as far as it got.
What a file says is data: no path in it is opened, nothing in it is evaluated, and whatever is
wrong with it ends in one sentence.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from bench.files.decode_fields import DecodeError
from bench.files.journal import Journal
from bench.files.parse_json import OtherKindError, UnreadableError, check_schema, content_of, journal_lines, parse
from bench.record.fleet import Fleet
from bench.record.gate import Gate
from bench.record.run import Run

Record = TypeVar("Record", bound=Run | Gate | Fleet)
Record_co = TypeVar("Record_co", bound=Run | Gate | Fleet, covariant=True)
Event = TypeVar("Event")
Event_contra = TypeVar("Event_contra", contravariant=True)
Line = dict[str, Any]


class JournalError(OSError):
    """An event is in memory only; the message says why."""


class Fold(Protocol[Record_co, Event_contra]):
    """Adds up events to a record."""

    def add(self, event: Event_contra) -> None:
        """Take one event; raise ValueError if it does not fit to those before."""

    def record(self) -> Record_co:
        """Return the record as far as it got; raise ValueError if it is inconsistent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format(Generic[Record, Event]):
    """How one kind of record lies on disk.

    Attributes:
        schema: the version of its content.
        begin: the word with which its journal begins.
        no_journal: the sentence for a file whose journal begins otherwise.
        write_head: what is known before the first event, as fields.
        read_head: the reverse; where it stands in the file begins what it raises.
        write_event: an event's word and fields.
        read_event: the reverse.
        find_section: our section of a parsed JSON; raises OtherKindError if it has none.
        read_section: head and events of such a section.
        fold: what adds events up, begun with a head.
    """

    schema: int
    begin: str
    no_journal: str
    write_head: Callable[[Record], Line]
    read_head: Callable[[Line, str], Record]
    write_event: Callable[[Event], tuple[str, Line]]
    read_event: Callable[[object, str], Event]
    find_section: Callable[[object, Path], Line]
    read_section: Callable[[Line], tuple[Record, Sequence[Event]]]
    fold: Callable[[Record], Fold[Record, Event]]


class Log(Generic[Record, Event]):
    """A record as it grows.

    Args:
        form: how it lies on disk.
        begun: the record before any event.
        journal: where events go; None to keep them in memory only.
        earlier: events of a part that is continued.
        stands: whether the journal holds that part already; otherwise it is written again.

    Attributes:
        events: all so far, in order.
    """

    def __init__(
        self,
        form: Format[Record, Event],
        begun: Record,
        journal: Journal | None,
        *,
        earlier: Iterable[Event] = (),
        stands: bool = False,
    ) -> None:
        self.events: list[Event] = []
        self._form = form
        self._fold = form.fold(begun)
        self._journal = None if stands else journal
        if self._journal is not None:
            self._journal.append(form.begin, schema=form.schema, **form.write_head(begun))
        for event in earlier:
            self.add(event)
        self._journal = journal

    def add(self, event: Event) -> None:
        """Keep an event and write it.

        Raises:
            JournalError: if it could not be written; it is kept all the same, and the next are in memory only.
        """
        self._fold.add(event)
        self.events.append(event)
        if self._journal is None:
            return
        word, fields = self._form.write_event(event)
        try:
            self._journal.append(word, **fields)
        except OSError as error:
            self._journal = None  # what follows a torn line would spoil it
            raise JournalError(
                f"the journal cannot be written: {error.strerror or error} ({error.filename})"
            ) from error

    def keep(self, event: Event) -> None:
        """Keep an event, and write it too if that still works; from memory it reaches the JSON."""
        with suppress(JournalError):
            self.add(event)

    def record(self) -> Record:
        """Return the record as far as it got."""
        return self._fold.record()


def read_log(form: Format[Record, Event], path: Path) -> tuple[Record, tuple[Event, ...]]:
    """Return the record that a ``.json`` or ``.jsonl`` file holds, and its events.

    A journal's torn last line, left by a kill in the middle of a write, is dropped.

    Raises:
        UnreadableError: if the file is missing, too large, not JSON, foreign, of another schema, or inconsistent.
    """
    content = content_of(path)
    try:
        with _nothing_collected():
            return _fold_content(form, path, content)
    except ValueError as error:  # a DecodeError is one too
        raise UnreadableError(f"{path}: {error}; the file is damaged or not ours: measure again") from error


def _fold_content(form: Format[Record, Event], path: Path, content: bytes) -> tuple[Record, tuple[Event, ...]]:
    begun, events = (_read_journal if path.suffix == ".jsonl" else _read_json)(form, path, content)
    fold = form.fold(begun)
    for number, event in enumerate(events, start=2):
        try:
            fold.add(event)
        except ValueError as error:
            raise DecodeError(f"line {number}: {error}" if path.suffix == ".jsonl" else str(error)) from error
    return replace(fold.record(), source=str(path)), tuple(events)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep Python from looking for cycles in what is being read: there are none, and it takes a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep_aside(form: Format[Record, Event], path: Path) -> Path | None:
    """Rename a journal whose content is not also in the JSON beside it: ``NAME.1``, ``NAME.2``; return its new name.

    A symbolic link stays and leads to the new journal; the file that it leads to gets the new name, where it lies.
    """
    if not path.exists():
        return None
    try:
        if read_log(form, path)[0] == read_log(form, path.with_suffix(".json"))[0]:
            return None  # the JSON holds the same and stays until the new one is whole
    except UnreadableError:
        pass  # not ours to judge: keep it
    target = Path(os.path.realpath(path))
    number = 1
    while (aside := target.with_name(f"{target.name}.{number}")).exists():
        number += 1
    target.rename(aside)
    return aside


def _read_journal(form: Format[Record, Event], path: Path, content: bytes) -> tuple[Record, Sequence[Event]]:
    head, *lines = journal_lines(content, path)
    if not isinstance(head, dict) or head.pop("event", None) != form.begin:
        raise OtherKindError(f"{path}:1: {form.no_journal}")
    check_schema(head, f"{path}:1", form.schema)
    events = [form.read_event(line, f"line {number}") for number, line in enumerate(lines, start=2)]
    return form.read_head(head, "line 1: "), events


def _read_json(form: Format[Record, Event], path: Path, content: bytes) -> tuple[Record, Sequence[Event]]:
    section = form.find_section(parse(content, str(path)), path)
    check_schema(section, str(path), form.schema)
    return form.read_section(section)
