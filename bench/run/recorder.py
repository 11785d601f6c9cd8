"""Keeps what a run yields: every event is in the journal before the next is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from bench.files.journal import Journal
from bench.record.observations import Ceiling
from bench.record.run import Finish, Measurement, Run
from bench.run.resume import Resumption
from bench.run.schedule import Capped, Event, Sliced, Started


class Recorder:
    """Collects a run's events, each on disk before the next is asked for."""

    def __init__(self, journal: Journal, begun: Run, *, resumption: Resumption | None) -> None:
        """Write what is known before anything is measured.

        Args:
            journal: where events go.
            begun: the run so far: environment, settings and plan, and if it is continued, what was measured.
            resumption: what of that is kept; None for a run that starts from nothing.
        """
        self.trouble: str | None = None
        self._path = journal.path
        self._journal = journal
        self._begun = begun
        self._started = list(begun.started)
        self._measurements: list[Measurement] = []
        self._ceilings: list[Ceiling] = list(begun.ceilings)
        self._finish: Finish | None = None
        if resumption is None:
            journal.begin(begun.environment, begun.settings, begun.cases)
        else:
            self._measurements += resumption.kept
            journal.resumed(resumption.dropped)

    def record(self, event: Event) -> None:
        """Write an event to the journal and keep it.

        Raises:
            OSError: if it could not be written.
        """
        match event:
            case Started():
                self._journal.started(event.launch, event.cases)
                self._started += [(event.launch, case) for case in event.cases]
            case tuple():
                self._measurements += event
                self._journal.measured(event)
            case Capped():
                self._ceilings += event.ceilings
                self._journal.ceilings(event.ceilings)
            case Finish():
                self._finish = event
                self._journal.finish(event)
            case Sliced():
                pass
            case _:
                assert_never(event)

    def keep(self, event: Event) -> bool:
        """Record an event; return False, and say in `trouble` why, if it is in memory only."""
        try:
            self.record(event)
        except OSError as error:
            self.trouble = f"the journal cannot be written: {error.strerror or error} ({error.filename or self._path})"
            return False
        return True

    def run(self) -> Run:
        """Return the run as far as it got."""
        return replace(
            self._begun,
            measurements=tuple(self._measurements),
            started=tuple(self._started),
            ceilings=tuple(self._ceilings),
            finish=self._finish,
        )

    def broken_off(self, finish: Finish) -> None:
        """Keep in memory how the run ended, since the journal cannot be written."""
        self._finish = finish
