"""What keeps anything from being measured is pytest's usage error: one sentence, exit code 4, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.host.git import GitError
from bench.processes.local import LaunchError
from bench.request import SetupError


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what keeps anything from being measured into a usage error for the length of the block.

    Raises:
        pytest.UsageError: with the sentence of a `SetupError`, a `LaunchError`, a `GitError` or an `OSError`.
    """
    try:
        yield
    except (SetupError, LaunchError, GitError) as error:
        raise pytest.UsageError(str(error)) from error
    except OSError as error:
        place = error.filename or "a file of this run, which the system does not name"
        raise pytest.UsageError(f"{place}: {error.strerror or error}") from error
