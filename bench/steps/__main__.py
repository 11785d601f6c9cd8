"""``python -m bench.steps PROJECT SRC FILE``: how many examples a file of KernelBench's protocol feeds, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.record.spec import read_spec
from bench.steps.imported import Project, find_batch, load_module


def main(argv: Sequence[str]) -> None:
    """Print the batch of one file."""
    folder, src, text = argv
    module = load_module(read_spec("asked", text), Project(folder=Path(folder), src=src or None))
    batch = find_batch(module.get_inputs())
    print()  # whatever the file printed without ending its line
    print(json.dumps({"batch": batch}))


if __name__ == "__main__":
    main(sys.argv[1:])
