"""What every test may use."""

from __future__ import annotations

import signal

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
    _let_signals_end_what_tests_start()


def _let_signals_end_what_tests_start() -> None:
    """Undo what ``nohup`` and ``&`` do: a program that is started with a signal ignored goes on ignoring it.

    A signal with a handler means the default again in whatever is executed.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # the tests themselves go on, as ``nohup`` wants it
