"""``python -m models``: the tutorial's walk as tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.host.folders import ROOT
from models import MODELS
from models import __main__ as program
from tests.makers.imports import imports_undone
from tests.models.test_mlp import TUTORIAL

GOLDEN = {"mlp": Path(__file__).with_name("walk.txt"), "gpt": Path(__file__).with_name("walk_gpt.txt")}
"""What the program prints for a network, stars for the first values and the predicted classes."""


def walked(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the program prints."""
    assert program.main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", GOLDEN)
def test_walk_is_golden(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a reader sees, to the letter; figures that depend on torch's random numbers are tested below."""
    masked = re.sub(r"[+-]\d\.\d{4}", "*", re.sub(r"\[\d, \d, \d\]", "*", walked(capsys, name)))
    assert masked == GOLDEN[name].read_text()


def test_walk_holds_the_tutorials_print(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader of the tutorial recognises the network."""
    assert TUTORIAL in walked(capsys, "mlp")


@pytest.mark.parametrize(("name", "expected"), [("mlp", True), ("mlp-wide", True), ("gpt", False)])
def test_only_classifiers_of_images_predict_classes(
    name: str, *, expected: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The symbols after random tokens would tell nothing."""
    assert ("predicted classes" in walked(capsys, name)) == expected


def test_first_values_are_the_parameters_own(capsys: pytest.CaptureFixture[str]) -> None:
    """As in the tutorial's own list."""
    torch.manual_seed(0)
    for name, parameter in MODELS["mlp"].build().named_parameters():
        (line,) = [line for line in walked(capsys, "mlp").splitlines() if line.startswith(f"{name} ")]
        assert line.endswith(" ".join(f"{value:+.4f}" for value in parameter.flatten()[:3].tolist()))


def test_program_shows_every_network_the_same_each_time() -> None:
    """The command of the README, run as a reader runs it."""
    command = [sys.executable, "-m", "models"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == "\n\n".join(program.walk(name) for name in MODELS) + "\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["mlp", "nonsense"]], ids=str)
def test_unknown_model_lists_the_known_ones(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown is an error that says what is known."""
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == 2
    assert "unknown model 'nonsense'; known: mlp, mlp-wide, gpt" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [RuntimeError("Error downloading train-images\nfrom any mirror"), OSError("no route to host"), RuntimeError("")],
    ids=["mirrors", "network", "silent"],
)
def test_download_that_fails_is_one_sentence(
    error: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do instead."""

    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr(program, "download", fail)
    assert program.main(["--download", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("download failed (")
    assert "dataset-fashion-mnist" in err


def test_download_goes_where_it_was_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else is shown."""
    seen: list[Path] = []
    monkeypatch.setattr(program, "download", seen.append)
    assert program.main(["--download", str(tmp_path)]) == 0
    assert seen == [tmp_path]
    assert capsys.readouterr() == ("", "")


def test_download_leaves_files_that_are_there_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is asked for the test images, to be fetched below the root, and looks for them itself."""
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        "torchvision.datasets.FashionMNIST", lambda root, train, download: asked.append((root, train, download))
    )
    program.download(tmp_path)
    assert asked == [(str(tmp_path), False, True)]


def test_reader_that_leaves_early_is_no_traceback() -> None:
    """``python -m models | head -1``."""
    with subprocess.Popen(
        [sys.executable, "-m", "models"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == program.BROKEN_PIPE


OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 2)
    def forward(self, left, right):
        return {"scores": self.out(left), "rest": [right]}

def example_inputs(batch):
    return {"left": torch.randn(batch, 6), "right": torch.arange(batch)}
def make():
    return Net()
"""


def test_walk_of_a_network_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By any spec that --model takes: what it is fed by name and what it answers are shown as anybody's."""
    (tmp_path / "net.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    with imports_undone(tmp_path):
        shown = walked(capsys, "net.py:make")
    assert shown.startswith("net.py:make\nNet(\n")
    assert re.search(r"out Linear +\(3, 6\) +\(3, 2\) +14", shown)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("net.py:nothing",), "net.py has no nothing; it defines Net, example_inputs, make"),
        (("gone.py:make",), "gone.py: no such file in"),
        (
            ("torchvision:fasterrcnn_resnet50_fpn",),
            "is one of torchvision's detection networks and wants lists of images",
        ),
        (("torchvision:resnet181",), "torchvision has no network of that name; it has resnet"),
    ],
)
def test_spec_that_makes_no_network_is_one_line(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What, where and what to do; exit code 2."""
    (tmp_path / "net.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    with imports_undone(tmp_path), pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
