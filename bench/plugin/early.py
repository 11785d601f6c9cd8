"""The options of ``pytest bench`` as a plugin of their own, which an installation registers before any ``conftest.py``.

Pytest takes a path behind an option that it does not know for a folder of tests, and executes that folder's
``conftest.py``; an option that it knows has a value.
"""

from __future__ import annotations

import pytest

from bench.plugin.options import add_options

NAME = "accelbench-options"
"""Under this name it is registered where that has happened."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register our options."""
    add_options(parser)
