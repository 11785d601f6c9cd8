"""What a project's own pyproject.toml says in place of the command line, read once at the start of a session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.files.parse_json import UnreadableError
from bench.files.project_settings import SETTINGS, ProjectSettings, read_project_settings
from bench.host.folders import ROOT
from bench.plugin.continuation import given_arguments
from bench.request import Request


def fill_from_project(config: pytest.Config, *, fill: bool = True) -> ProjectSettings:
    """Give every option that was not given the value that the project's pyproject.toml says; return all it says.

    The project is the folder of ``--project``, or this checkout.

    Args:
        config: whose options.
        fill: whether to do so; a run that goes on has what its earlier part was asked for.

    Raises:
        pytest.UsageError: if the file cannot be read, or says something unknown or impossible.
    """
    folder = Path(config.getoption("project", default=None) or ROOT)
    try:
        settings = read_project_settings(folder / SETTINGS)
    except UnreadableError as error:
        raise pytest.UsageError(str(error)) from error
    given = {argument.partition("=")[0] for argument in given_arguments(config)}
    for option, value in settings.options.items():
        if fill and f"--{option}" not in given and hasattr(config.option, option):
            setattr(config.option, option, value)
    return settings


def name_files(request: Request, settings: ProjectSettings) -> Request:
    """Return a request whose project has the files that its settings name."""
    return replace(request, project=replace(request.project, include=settings.include, data=settings.data))
