"""What pytest-benchmark finds out when all is over is found before anything is measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.storage.file import FileStorage

from bench.plugin.benchmark_storage import check_storage


def config_with(folder: Path, compared: dict[str, object], **options: object) -> Any:
    """Return a configuration in which pytest-benchmark keeps its runs in a folder."""
    own = SimpleNamespace(storage=FileStorage(str(folder), None), compared_mapping=compared)
    return SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=lambda _: own), getoption=options.get)


def test_failing_against_no_stored_run_is_refused(tmp_path: Path) -> None:
    """It measured everything, and then ended in a traceback without a comparison."""
    failing = {"benchmark_compare_fail": ["min:5%"], "benchmark_compare": True}
    with pytest.raises(pytest.UsageError, match="--benchmark-compare finds no stored run in "):
        check_storage(config_with(tmp_path, {}, **failing))
    check_storage(config_with(tmp_path, {"0001": {}}, **failing))


@pytest.mark.parametrize("option", ["benchmark_save", "benchmark_autosave"])
def test_folder_that_takes_no_stored_run_is_refused(option: str, tmp_path: Path) -> None:
    """``--benchmark-storage`` below a file, on a full disk, in a folder of root's."""
    (tmp_path / "file").touch()
    with pytest.raises(pytest.UsageError, match=r"file/storage cannot be written \(Not a directory\)"):
        check_storage(config_with(tmp_path / "file" / "storage", {}, **{option: "x"}))
    check_storage(config_with(tmp_path / "file" / "storage", {}))
    check_storage(config_with(tmp_path / "storage", {}, **{option: "x"}))
    assert list((tmp_path / "storage").iterdir()) == []


def test_session_without_pytest_benchmark_has_nothing_to_check() -> None:
    """It is refused elsewhere."""
    check_storage(SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=lambda _: None)))  # type: ignore[arg-type]
