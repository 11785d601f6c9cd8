"""A project's own settings stand in for the command line, and the command line goes first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.host.folders import ROOT
from bench.plugin.project_defaults import fill_from_project, name_files
from tests.makers.requests import made_request

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
    assert settings.floors == {"mlp-*": 0.05}


def test_run_that_goes_on_keeps_what_it_was_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal filled the options in; the file may say something else by now, and still names floors and data."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    config = a_config(project, "bench", "--resume")
    settings = fill_from_project(config, fill=False)
    assert (config.option.model, config.option.batch) == ("mlp", "7")
    assert settings.floors == {"mlp-*": 0.05}


def test_files_that_the_project_names_are_asked_for(project: Path) -> None:
    """Whoever measures needs no file of settings."""
    (project / "pyproject.toml").write_text(
        '[tool.accelbench]\ninclude = ["_v.py"]\ndata = ["cfg/*"]\n', encoding="utf-8"
    )
    named = name_files(made_request(), fill_from_project(a_config(project))).project
    assert (named.include, named.data) == (("_v.py",), ("cfg/*",))


def test_file_that_makes_no_sense_is_a_usage_error(project: Path) -> None:
    """Before anything is measured."""
    (project / "pyproject.toml").write_text("[tool.accelbench]\nbatches = 3\n", encoding="utf-8")
    with pytest.raises(pytest.UsageError, match=r"pyproject.toml: \[tool.accelbench\]: unknown key 'batches'"):
        fill_from_project(a_config(project))


def test_command_line_of_a_projects_ci_is_the_project_alone(tmp_path: Path) -> None:
    """What is timed stands in the project's file; nothing else is typed."""
    (tmp_path / "net.py").write_text("def make(): ...\n", encoding="utf-8")
    table = '[tool.accelbench]\nmodels = ["net.py:make"]\nbatch = 3\nstep = "train"\ndtype = "float64"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "bench", f"--project={tmp_path}", "--collect-only", "-q", "--device=cpu"]
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}
    listed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    ids = re.findall(r"test_steps\[(.*)\]", listed)
    assert ids == [f"make-train-b3-cpu-float64-{mode}" for mode in ("eager", "compiled")]
