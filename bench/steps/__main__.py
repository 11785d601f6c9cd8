"""``python -m bench.steps SECONDS PROJECT SRC FILE``: the examples that a file of KernelBench's protocol feeds.

The last line that it prints is JSON.
SECONDS is how long the file's own code may take; importing torch, which is over by then, does not count.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench.record.spec import read_spec
from bench.steps.imported import Project, find_batch, load_module

PIECE_SECONDS = 1.0
"""Time is counted in pieces of this length."""


def main(argv: Sequence[str]) -> None:
    """Print the batch of one file."""
    seconds, folder, src, text = argv
    end_after(float(seconds))
    os.chdir(folder)  # as a worker does
    module = load_module(read_spec("asked", text), Project(folder=Path(folder), src=src or None))
    batch = find_batch(module.get_inputs())
    print()  # whatever the file printed without ending its line
    print(json.dumps({"batch": batch}))
    signal.setitimer(signal.ITIMER_REAL, 0)  # a signal that comes when Python has put its own handler back ends it


def end_after(seconds: float) -> None:
    """End this process when it has run for so long; while it is stopped, by a suspended laptop, its time stands still.

    It ends between two steps of Python; whoever started it ends it where code of another language hangs.
    """
    left = seconds

    def count(_number: int, _frame: FrameType | None) -> None:
        nonlocal left
        left -= min(left, PIECE_SECONDS)
        if left <= 0:
            os._exit(1)
        signal.setitimer(signal.ITIMER_REAL, min(left, PIECE_SECONDS))

    signal.signal(signal.SIGALRM, count)
    signal.setitimer(signal.ITIMER_REAL, min(left, PIECE_SECONDS))


if __name__ == "__main__":
    main(sys.argv[1:])
