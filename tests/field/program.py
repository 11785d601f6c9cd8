"""How a program of this folder ends: with its own exit code, and quietly where its reader left early."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

BROKEN_PIPE = 141
"""Exit code when the reader of our output left early, as a shell reports SIGPIPE."""


def end_with(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """End this process with the exit code of a program, which gets the arguments of the command line."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's own flush complains
        sys.exit(BROKEN_PIPE)
    sys.exit(code)
