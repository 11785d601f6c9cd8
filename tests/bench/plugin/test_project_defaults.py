"""A project's own settings stand in for the command line, and the command line goes first."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.plugin.project_defaults import SAID, fill_from_project

TABLE = '[tool.accelbench]\nmodels = ["net.py:make"]\nbatch = [3, 5]\n[tool.accelbench.floors]\n"mlp-*" = 0.05\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that says something of itself."""
    (tmp_path / "pyproject.toml").write_text(TABLE, encoding="utf-8")
    return tmp_path


def a_config(project: Path, *arguments: str) -> Any:
    """Return what is asked of a pytest.Config after a command line was read."""
    option = SimpleNamespace(project=project, model="mlp", batch="7", dtype=None, step="forward", src=None)
    return SimpleNamespace(
        option=option,
        stash=pytest.Stash(),
        getoption=lambda name, default=None: getattr(option, name, default),
        getini=lambda _: [],
        invocation_params=SimpleNamespace(args=arguments),
    )


def test_what_is_typed_goes_before_what_the_file_says(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types an option means it; what neither says keeps its default."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    config = a_config(project, "bench", "--batch=7")
    settings = fill_from_project(config)
    assert (config.option.model, config.option.batch, config.option.step) == ("net.py:make", "7", "forward")
    assert config.stash[SAID] == settings
    assert settings.floors == {"mlp-*": 0.05}


def test_file_that_makes_no_sense_is_a_usage_error(project: Path) -> None:
    """Before anything is measured."""
    (project / "pyproject.toml").write_text("[tool.accelbench]\nbatches = 3\n", encoding="utf-8")
    with pytest.raises(pytest.UsageError, match=r"pyproject.toml: \[tool.accelbench\]: unknown key 'batches'"):
        fill_from_project(a_config(project))
