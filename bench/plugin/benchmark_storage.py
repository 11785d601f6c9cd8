"""Where pytest-benchmark keeps runs of its own, looked at before anything is measured."""

from __future__ import annotations

import os

import pytest

SESSION = "pytest-benchmark"
"""Under this name pytest-benchmark registers what holds its stored runs."""


def check_storage(config: pytest.Config) -> None:
    """Refuse what pytest-benchmark would end in a traceback with, after all measuring.

    Raises:
        pytest.UsageError: if no stored run is there to fail against, or none can be stored.
    """
    own = config.pluginmanager.get_plugin(SESSION)
    if own is None:
        return
    if config.getoption("benchmark_compare_fail") and not own.compared_mapping:
        raise pytest.UsageError(
            f"--benchmark-compare-fail: --benchmark-compare finds no stored run in {own.storage}; store one by "
            "--benchmark-autosave, or leave both out"
        )
    if config.getoption("benchmark_save") or config.getoption("benchmark_autosave"):
        _try_to_write(own.storage)


def _try_to_write(storage: object) -> None:
    """Make sure that a file can be written into pytest-benchmark's folder; what is no folder is not tried."""
    place = getattr(storage, "get", None)
    if place is None:
        return
    trial = place(f".accelbench-{os.getpid()}.trial")
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise pytest.UsageError(
            f"--benchmark-storage: {trial.parent} cannot be written ({error.strerror}); name another folder"
        ) from error
