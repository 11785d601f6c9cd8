"""Makes the options of ``pytest bench`` known before pytest looks into folders of tests, where a checkout's is one.

This is the one module that an installation puts beside other packages, as a plugin of pytest's. For every other command
line, in whatever project, it does nothing: it imports nothing of ours and declares nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from typing import Any

SUITE = "bench"
"""The folder of a checkout that is named on the command line."""

EARLY = os.path.join(SUITE, "plugin", "early.py")  # noqa: PTH118  nothing is imported that need not be
"""A checkout whose options can be declared early has this file."""


def pytest_load_initial_conftests(early_config: Any, parser: Any, args: Sequence[str]) -> None:
    """Declare the options of the checkout in the current folder, and read the command line again with them."""
    folder = str(early_config.invocation_params.dir)
    if not names_suite(args, folder) or not os.path.isfile(os.path.join(folder, EARLY)):  # noqa: PTH113, PTH118
        return
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)  # before what the settings of another project put there
    from bench.plugin import early

    early_config.pluginmanager.register(early, early.NAME)
    known = parser.parse_known_args(list(args), namespace=copy(early_config.option))
    known.confcutdir = early_config.known_args_namespace.confcutdir
    early_config.known_args_namespace = known


def names_suite(args: Sequence[str], folder: str) -> bool:
    """Whether one of the arguments is a checkout's folder of tests, or something in it."""
    suite = os.path.join(folder, SUITE)  # noqa: PTH118
    named = (os.path.abspath(os.path.join(folder, argument.partition("::")[0])) for argument in args)  # noqa: PTH100, PTH118
    return any(path == suite or path.startswith(suite + os.sep) for path in named)
