"""What every test may use."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

STRICT = (
    "error",
    "default::pytest_benchmark.logger.PytestBenchmarkWarning",
    "ignore:Benchmark fixture was not used:pytest_benchmark.logger.PytestBenchmarkWarning",
)
"""A warning is an error in our own tests, and in them alone: in a user's session it may be a foreign plugin's, or a
full disk's, and must not become a traceback."""


def pytest_configure(config: pytest.Config) -> None:
    """Be strict where this folder is tested."""
    for line in STRICT:
        config.addinivalue_line("filterwarnings", line)
