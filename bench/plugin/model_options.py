"""Which models are meant: specs made absolute or relative to their project, and what is refused before measuring."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.host.folders import ROOT
from bench.record.spec import Kind, ModelSpec, parse_specs
from bench.request import Project


def read_project(folder: Path | str | None, src: str | None) -> Project:
    """Return where the code of models of the user's own lies.

    Raises:
        pytest.UsageError: if a folder is not there.
    """
    found = Path(ROOT if folder is None else folder).resolve()
    if not found.is_dir():
        raise pytest.UsageError(f"--project {folder}: no such folder")
    if src is not None and not (found / src).is_dir():
        raise pytest.UsageError(f"--src {src}: no such folder in {found}")
    return Project(folder=found, src=src, own=found == ROOT)


def read_models(
    texts: Sequence[str], built_in: Collection[str], project: Project, *, relative_to: Path, gated: bool
) -> tuple[ModelSpec, ...]:
    """Return the models that were asked for.

    Args:
        texts: what was written, in order.
        built_in: names of the models that come with this program.
        project: where those of the user's own lie.
        relative_to: the folder that paths are relative to where no project was named.
        gated: whether two commits of the project are compared, so that a file must lie in it.

    Raises:
        pytest.UsageError: if a text is no spec, or names a file that is not there.
    """
    try:
        specs = parse_specs(texts, built_in)
        placed = [_place(spec, project, relative_to, gated=gated) for spec in specs]
        return tuple({spec.text: spec for spec in parse_specs([spec.text for spec in placed], built_in)}.values())
    except ValueError as error:
        raise pytest.UsageError(f"--model: {error}") from error


def _place(spec: ModelSpec, project: Project, relative_to: Path, *, gated: bool) -> ModelSpec:
    """Return a spec with its file's path from the project's folder on, absolute if it lies elsewhere.

    Raises:
        ValueError: if the file is not there, or is not to be compared from where it lies.
    """
    if spec.kind not in (Kind.FILE, Kind.PROTOCOL):
        return spec
    path = Path(os.path.abspath((relative_to if project.own else project.folder) / spec.place))  # noqa: PTH100  links stay
    if not path.is_file():
        raise ValueError(f"{spec.place}: no such file in {path.parent}")
    if path.is_relative_to(project.folder):
        return replace(spec, place=path.relative_to(project.folder).as_posix())
    if gated:
        raise ValueError(
            f"{spec.place} lies outside of {project.folder}, whose commits are compared: name its --project"
        )
    return replace(spec, place=str(path))
