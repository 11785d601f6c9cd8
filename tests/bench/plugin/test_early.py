"""An installation makes our options known before pytest looks into folders of tests, and does nothing anywhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copy

import pytest

import accelbench_pytest
from bench.host.folders import ROOT

PATHS = ("--against", "--arm", "--data-root", "--model", "--project", "--reports", "--shape", "--src", "--step")
"""Options of ours that pytest would take the value of for a folder of tests, if it is one."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the distribution is installed as ``pip install .`` does: its module and its entry point."""
    folder = tmp_path_factory.mktemp("installed")
    copy(accelbench_pytest.__file__, folder)
    described = folder / "accelbench-99.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: accelbench\nVersion: 99\n")
    (described / "entry_points.txt").write_text("[pytest11]\naccelbench = accelbench_pytest\n")
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A project whose ``conftest.py`` must not be executed, and which has settings of its own."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "conftest.py").write_text("raise AssertionError('a conftest of another project was executed')\n")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-q'\npythonpath = ['.']\n")
    return folder


def run_pytest(installed: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run pytest where the distribution is installed."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=variables | {"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("option", PATHS)
def test_no_option_with_a_path_executes_that_folders_conftest(option: str, installed: Path, other: Path) -> None:
    """Before the suite's name, behind it, and with an equals sign; what the value is worth is said as ever."""
    behind = run_pytest(installed, "bench", "--collect-only", "--device=cpu", option, str(other))
    before = run_pytest(installed, option, str(other), "bench", "--collect-only", "--device=cpu")
    joined = run_pytest(installed, f"{option}={other}", "bench", "--collect-only", "--device=cpu")
    for done in (behind, before, joined):
        assert "was executed" not in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
    assert behind.returncode == joined.returncode
    assert before.returncode == 4
    assert f"ERROR: pytest took its settings from {other}" in before.stderr
    if option in {"--against", "--data-root", "--reports"}:
        assert behind.returncode == 0, behind.stderr


def test_other_checkout_is_not_imported_in_place_of_this_one(installed: Path, other: Path) -> None:
    """Its settings put its own ``bench`` before ours: a gate would have measured it against itself."""
    (other / "conftest.py").unlink()
    (other / "bench").mkdir()
    (other / "bench" / "__init__.py").write_text("raise AssertionError('another checkout was imported')\n")
    done = run_pytest(installed, "--against", str(other), "bench", "--collect-only", "--device=cpu")
    assert done.returncode == 4
    assert done.stderr.strip().splitlines()[-1].startswith(f"ERROR: pytest took its settings from {other}")


def test_without_an_installation_it_is_refused_as_before(other: Path, tmp_path: Path) -> None:
    """That conftest has then been executed, which is what makes this test able to fail."""
    not_loaded = ("-p", "no:accelbench")  # where these tests run it may be installed
    done = run_pytest(tmp_path, *not_loaded, "bench", "--collect-only", "--device=cpu", "--against", str(other))
    assert "was executed" in done.stdout + done.stderr


def test_pytest_of_another_project_is_what_it_was(installed: Path, tmp_path: Path) -> None:
    """No option, no import: also where it has a folder called bench."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "test_mine.py").write_text(
        "import sys\n\n\ndef test_mine(pytestconfig):\n"
        "    assert not hasattr(pytestconfig.option, 'against')\n"
        "    assert not {'bench.plugin', 'bench.plugin.early'} & set(sys.modules)\n"
    )
    done = run_pytest(installed, "bench", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_pytest_of_this_checkouts_own_tests_has_no_option_of_ours(installed: Path) -> None:
    """They are those of the suite alone."""
    done = run_pytest(installed, "tests/bench/record/test_case.py", "--against=x", "--collect-only")
    assert done.returncode == 4
    assert "unrecognized arguments: --against=x" in done.stderr


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("bench", True),
        ("bench/test_steps.py::test_step[x::y]", True),
        ("./bench/", True),
        ("benches", False),
        ("-k", False),
    ],
)
def test_suite_is_named_by_its_folder_or_what_lies_in_it(argument: str, *, named: bool) -> None:
    """Whatever else is on the command line."""
    assert accelbench_pytest.names_suite(["--batch", "1", argument], "/checkout") is named


def test_distribution_installs_that_module_and_no_other() -> None:
    """Nothing called models, bench or reports is put beside other packages."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"] == {"packages": [], "py-modules": ["accelbench_pytest"]}
    assert settings["project"]["entry-points"] == {"pytest11": {"accelbench": "accelbench_pytest"}}
