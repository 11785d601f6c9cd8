"""What a person sees while it runs: one live line on a terminal, one line per launch and finished case anywhere.

Written between slices only; the worker is idle meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from shutil import get_terminal_size
from statistics import median
from time import monotonic

from bench.plugin.busy import tell_busy
from bench.plugin.terminal import Terminal
from bench.record.case import Case
from bench.record.compiling import Compiled
from bench.record.conditions import Settings
from bench.record.how_many import how_many
from bench.record.layers import Layered
from bench.record.profile import Profiled
from bench.record.run import CeilingsFound, Finish, Measured, Measurement, Outcome, Resumed, Started
from bench.run import compiling, layers
from bench.run.schedule import Event, Sliced
from reports.show.units import duration

REDRAW_SECONDS = 0.2
"""The live line changes at most this often."""

LEAST_LAUNCHES = 0.5
"""A forecast of the rest is shown from half a launch on: before that a few cases stand for all of them."""


BAR, WIDE = 12, 72
"""Characters of the bar, and of a terminal that has room for it."""


def draw_bar(done: float, whole: float) -> str:
    """Return a bar that is as full as `done` is of `whole`."""
    full = int(BAR * min(1.0, done / whole)) if whole else BAR
    return "━" * full + "─" * (BAR - full)


class Progress:
    """Shows a run's events on pytest's terminal.

    Args:
        terminal: pytest's reporter.
        settings: of the run.
        cases: the plan.
        describe: text of a list of launch medians in seconds per iteration: centre and interval.
    """

    def __init__(
        self,
        terminal: Terminal,
        settings: Settings,
        cases: Sequence[Case],
        describe: Callable[[Sequence[float]], str],
    ) -> None:
        self._terminal = terminal
        self._settings = settings
        self._count = len(cases)
        self._width = max((len(case.id) for case in cases), default=0)
        self._describe = describe
        self._medians: dict[Case, list[float]] = defaultdict(list)
        self._shown: set[Case] = set()
        self._current: list[float] = []
        self._case: Case | None = None
        self._done = 0
        self._launch = -1
        self._begin = self._drawn = self._timed_since = monotonic()
        self._live = bool(terminal.isatty)
        self._profiling = False
        self._replicate = self._pair = 0

    def begin(self) -> None:
        """Say what is done before the first event, which takes the time of importing torch and of a first compile."""
        self._line("starting: a process imports torch, and every device says what it is")
        if busy := tell_busy():
            self._line(busy)

    def show(self, event: Event) -> None:  # noqa: C901  one for each event
        """Show an event."""
        match event:
            case Started():
                if event.launch != self._launch:
                    self._enter(event.launch)
            case Sliced():
                if event.case != self._case:
                    self._case, self._current = event.case, []
                self._current.append(event.seconds)
                self._redraw(event.case, [*self._medians[event.case], median(self._current)])
            case Measured():
                for measurement in event.measurements:
                    self._finished(measurement)
            case Profiled():
                self._profiled(event)
            case Layered():
                self._layered(event)
            case Compiled():
                self._compiled(event)
            case CeilingsFound() | Resumed():
                pass
            case Finish():
                for case in [case for case in self._medians if case not in self._shown]:
                    self._line(f"{case.id:<{self._width}}  {self._describe(self._medians[case])}")
                self._line(
                    f"{'done' if event.complete else 'stopped'} in {duration(event.wall_seconds)}"
                    + (f": {event.reason}" if event.reason else "")
                )

    def _enter(self, launch: int) -> None:
        self._launch, self._done = launch, 0
        if launch == 1:
            self._timed_since = monotonic()
        what = (
            "pilot: verify, compile, fix iterations" if launch == 0 else f"launch {launch} of {self._settings.launches}"
        )
        cases = how_many(self._count, "case")
        self._line(f"{what} · {cases} · after {duration(monotonic() - self._begin)}{self._left()}")

    def _finished(self, event: Measurement) -> None:
        self._done += 1
        if event.outcome is not Outcome.MEASURED:
            self._line(f"{event.case.id:<{self._width}}  {event.outcome}: {event.reason}")
        elif event.slices is not None:
            self._medians[event.case].append(median(event.slices.seconds))
            if event.launch == self._settings.launches:
                self._shown.add(event.case)
                self._line(f"{event.case.id:<{self._width}}  {self._describe(self._medians[event.case])}")
        elif self._settings.quick:
            self._line(f"{event.case.id:<{self._width}}  right answer; not timed")
        else:
            self._redraw(event.case, [])

    def _profiled(self, event: Profiled) -> None:
        if not self._profiling:
            self._profiling = True
            self._line("operators: every case once more under a profiler, in processes that nothing is timed in")
        if event.reason is not None:
            self._line(f"{event.case.id:<{self._width}}  not profiled: {event.reason}")

    def _layered(self, event: Layered) -> None:
        if event.replicate != self._replicate:
            self._replicate = event.replicate
            self._line(f"layers, process {event.replicate} of {layers.REPLICATES}: each network layer by layer")
        if event.reason is not None:
            self._line(f"{event.case.id:<{self._width}}  not timed layer by layer: {event.reason}")

    def _compiled(self, event: Compiled) -> None:
        if event.replicate != self._pair:
            self._pair = event.replicate
            pair = f"{event.replicate} of {compiling.REPLICATES}"
            self._line(f"compiling, pair of processes {pair}: each case from empty caches, then from full ones")
        if event.reason is not None:
            self._line(f"{event.case.id:<{self._width}}  not compiled: {event.reason}")

    def _redraw(self, case: Case, medians: Sequence[float]) -> None:
        now = monotonic()
        if not self._live or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        figure = self._describe(medians) if medians else "preparing"
        stage = f"launch {self._launch}/{self._settings.launches}" if self._launch else "pilot"
        place = f"{min(self._done + 1, self._count)} of {self._count}"
        text = f"{stage} · {place}{self._left()} · {case.id} · {figure}"  # a narrow terminal cuts off its end
        columns = get_terminal_size().columns
        if columns >= WIDE:
            done = max(0, self._launch - 1) + self._done / max(1, self._count)
            text = f"{draw_bar(done, self._settings.launches)} {text}"
        self._terminal.rewrite(text[: columns - 1], erase=True)

    def _left(self) -> str:
        """Return the time left, from the launches so far; nothing in the pilot and early in the first."""
        launches = max(0, self._launch - 1) + self._done / max(1, self._count)
        if self._launch < 1 or launches < LEAST_LAUNCHES:
            return ""
        per_launch = (monotonic() - self._timed_since) / launches
        return f" · about {duration(per_launch * (self._settings.launches - launches))} left"

    def _line(self, text: str) -> None:
        if self._live:
            self._terminal.rewrite("", erase=True)
            self._terminal.rewrite(text + "\n", erase=True)
        else:
            self._terminal.write(text + "\n", flush=True)
