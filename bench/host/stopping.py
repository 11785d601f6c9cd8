"""A switch that SIGINT, SIGTERM and SIGHUP turn, so that a run ends in order.

A run asks the switch between two requests to a worker; turning it also wakes a run that waits for an answer.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite kill, and a terminal that was closed; ``nohup`` ignores the last."""


@dataclass(slots=True)
class StopSwitch:
    """What a signal turns and a run asks.

    Attributes:
        reason: why the run should stop; None while it should go on.
    """

    reason: str | None = None
    _pipe: tuple[int, int] = field(default_factory=os.pipe)

    @property
    def wake(self) -> int:
        """The descriptor that becomes readable when the switch is turned."""
        return self._pipe[0]

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in self._pipe:
            os.close(descriptor)

    def __call__(self) -> str | None:
        """Return why the run should stop now, None to go on."""
        return self.reason

    def turn(self, number: int, _frame: FrameType | None) -> None:
        """Ask for an end in order; the second signal ends at once, since the journal has it all."""
        if self.reason is not None:
            os._exit(2)
        self.reason = f"stopped by {signal.Signals(number).name}"
        os.write(self._pipe[1], b"!")


@contextmanager
def stoppable() -> Iterator[StopSwitch]:
    """Turn what asks a program to end into a switch for the length of the block; who ignores a hang-up goes on."""
    switch = StopSwitch()
    numbers = [number for number in ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, switch.turn) for number in numbers}
    try:
        yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        switch.close()
