"""``python -m bench.steps SECONDS PROJECT SRC FILE``: the examples that a file of KernelBench's protocol feeds.

The last line that it prints is JSON.
SECONDS is how long the file's own code may take; importing torch, which is over by then, does not count.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.record.spec import read_spec
from bench.steps.imported import Project, find_batch, load_module


def main(argv: Sequence[str]) -> None:
    """Print the batch of one file."""
    seconds, folder, src, text = argv
    signal.setitimer(signal.ITIMER_REAL, float(seconds))  # the signal ends this process, whatever it is in
    module = load_module(read_spec("asked", text), Project(folder=Path(folder), src=src or None))
    batch = find_batch(module.get_inputs())
    print()  # whatever the file printed without ending its line
    print(json.dumps({"batch": batch}))


if __name__ == "__main__":
    main(sys.argv[1:])
