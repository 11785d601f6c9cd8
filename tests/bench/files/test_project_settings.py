"""What a project's pyproject.toml says in place of a command line, and what of it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.files.parse_json import UnreadableError
from bench.files.project_settings import ProjectSettings, read_project_settings


def said(folder: Path, table: str) -> ProjectSettings:
    """Return what a file with this table says."""
    path = folder / "pyproject.toml"
    path.write_text(f"[tool.accelbench]\n{table}\n", encoding="utf-8")
    return read_project_settings(path)


def test_nothing_is_said_without_a_file(tmp_path: Path) -> None:
    """A project need not know of this program."""
    assert read_project_settings(tmp_path / "pyproject.toml") == ProjectSettings()


@pytest.mark.parametrize(
    "table",
    [
        'models = ["src/net.py:make", "mlp"]\nbatch = [1, 64]\nstep = ["forward"]\ndtype = "float32"\nsrc = "src"',
        'models = "src/net.py:make,mlp"\nbatch = "1,64"\nstep = "forward"\ndtype = ["float32"]\nsrc = "src"',
    ],
    ids=["lists", "texts"],
)
def test_options_are_lists_or_texts_with_commas(table: str, tmp_path: Path) -> None:
    """Both say what would be typed."""
    assert said(tmp_path, table).options == {
        "model": "src/net.py:make,mlp",
        "batch": "1,64",
        "step": "forward",
        "dtype": "float32",
        "src": "src",
    }


def test_patterns_of_files_are_read(tmp_path: Path) -> None:
    """Generated files, and data that no import shows."""
    settings = said(tmp_path, 'include = ["src/pkg/_ext*.so"]\ndata = "configs/*.json"')
    assert (settings.include, settings.data) == (("src/pkg/_ext*.so",), ("configs/*.json",))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            'model = "mlp"',
            "unknown key 'model'; known: models, batch, dtype, step, src, include, data, floors, accepted",
        ),
        ("models = []", "models is .*; it must be a text with commas, or a list"),
        ('models = [""]', "models is"),
        ("batch = 1.5", "batch is 1.5"),
        ("batch = [true]", "batch is"),
        ('src = ["src"]', "src is .*; it must be a text"),
        ("include = 3", "include has 3; it must be a pattern of files below the project"),
        ('include = ["/etc/*"]', "include has '/etc/"),
        ('data = ["../secret"]', "data has '../secret'"),
        ('data = ["."]', "data has '.'"),
    ],
)
def test_what_makes_no_sense_is_refused(table: str, sentence: str, tmp_path: Path) -> None:
    """A gate that reads half of its settings compares something else than was meant."""
    with pytest.raises(UnreadableError, match=sentence):
        said(tmp_path, table)
