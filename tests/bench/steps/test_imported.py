"""A network of the user's own: what it is fed, what its loss is, and one line for whatever is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.record.spec import parse_specs
from bench.steps.imported import DEFAULT_LOSS, ImportedError, Project, define, find_batch, mean_of_outputs
from bench.steps.subject import Definition, feed_twice
from tests.makers.imports import imports_undone

NET = """
import torch
from torch import nn

class Net(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)

def make():
    return Net()
"""
INPUTS = """
def example_inputs(batch):
    return torch.randn(batch, 4)
"""


@pytest.fixture(autouse=True)
def own_imports(tmp_path: Path) -> Iterator[None]:
    """Leave Python's table of modules and its places as they were."""
    with imports_undone(tmp_path):
        yield


def definition(folder: Path, text: str, *, src: str | None = None, shape: tuple[int, ...] | None = None) -> Definition:
    """Return the definition of a spec whose project is a folder."""
    (spec,) = parse_specs([text], ())
    return define(spec, Project(folder=folder, src=src, shape=shape))


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write Python files by their names without the ending, and return the folder."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def loss_of(definition: Definition, network: nn.Module) -> tuple[float, str | None]:
    """Return the loss of a network's answer to its inputs, and what is said of it."""
    inputs, _ = definition.feed(3, 0, None)
    loss, remark = definition.find_loss(network)
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return loss(network(*arguments), inputs).item(), remark


def test_factory_in_a_file_is_fed_by_its_file(tmp_path: Path) -> None:
    """The seed decides weights and inputs alike; the loss is the documented default, and says so."""
    mine = definition(write(tmp_path, {"net": NET + INPUTS}), "net.py:make")
    first, second = feed_twice(mine.feed, 3, 0, None)
    assert first[0].shape == (3, 4)
    assert first[1] is None
    assert not torch.equal(first[0], second[0])
    assert torch.equal(first[0], feed_twice(mine.feed, 3, 0, None)[0][0])
    assert loss_of(mine, mine.build())[1] == DEFAULT_LOSS
    assert not mine.is_perceptron


def test_network_says_itself_what_it_is_fed_and_what_its_loss_is(tmp_path: Path) -> None:
    """Its methods go before its file's functions, and the loss knows the network that is timed."""
    source = NET.replace(
        "def make",
        "    def example_inputs(self, batch):\n        return (torch.ones(batch, 4),)\n"
        "    def loss(self, output, x):\n        return output.sum() * 0 + x.sum() + self.weight.shape[0]\n"
        "def make",
    )
    mine = definition(write(tmp_path, {"net": source + INPUTS + "def loss(output, x):\n    return 0\n"}), "net.py:make")
    assert loss_of(mine, mine.build()) == (3 * 4 + 2, None)


def test_loss_of_the_file_takes_output_and_inputs(tmp_path: Path) -> None:
    """As many as the network takes."""
    source = NET + INPUTS + "def loss(output, x):\n    return (output.sum(1) - x.sum(1)).abs().mean()\n"
    mine = definition(write(tmp_path, {"net": source}), "net.py:make")
    value, remark = loss_of(mine, mine.build())
    assert value > 0
    assert remark is None


def test_shape_stands_in_for_inputs(tmp_path: Path) -> None:
    """With the batch in front; without it one line says the ways to give it."""
    folder = write(tmp_path, {"net": NET})
    assert definition(folder, "net.py:make", shape=(4,)).feed(5, 0, None)[0].shape == (5, 4)
    with pytest.raises(
        ImportedError, match=r"define example_inputs\(batch\) on the network or in its file, or give --sh"
    ):
        definition(folder, "net.py:make").feed(5, 0, None)


def test_module_is_found_below_src_and_imports_its_own_package(tmp_path: Path) -> None:
    """Where packages lie deeper, and where they do not, relative imports work."""
    folder = write(
        tmp_path,
        {
            "src/pack/net": "from .parts import Net\ndef make():\n    return Net()\n",
            "src/pack/parts": NET,
            "src/pack/__init__": "",
        },
    )
    assert type(definition(folder, "pack.net:make", src="src").build()).__name__ == "Net"
    assert type(definition(folder, "src/pack/net.py:make").build()).__name__ == "Net"
    with pytest.raises(ImportedError, match=r"no module 'other' in .*"):
        definition(folder, "other.net:make", src="src")


def test_package_that_lies_deeper_is_told_of_src(tmp_path: Path) -> None:
    """The usual layout, and the usual option that is forgotten."""
    folder = write(tmp_path, {"src/deeper/__init__": "", "src/deeper/net": NET})
    with pytest.raises(ImportedError, match=r"no module 'deeper' in .*; it lies in src: give --src src"):
        definition(folder, "deeper.net:make")


def test_packages_that_are_called_like_ours_are_the_projects(tmp_path: Path) -> None:
    """Now and in the middle of a later call; what holds ours goes on."""
    import models as ours

    folder = write(
        tmp_path,
        {
            "models/__init__": "",
            "models/blocks": NET,
            "bench/__init__": "SPEED = 3\n",
            "net": "from models.blocks import make\ndef late():\n    from bench import SPEED\n    return SPEED\n",
        },
    )
    mine = definition(folder, "net.py:make")
    assert type(mine.build()).__module__ == "models.blocks"
    assert sys.modules["net"].late() == 3
    assert "mlp" in ours.MODELS


def test_file_that_is_called_like_an_installed_module_is_itself(tmp_path: Path) -> None:
    """``torch.py`` in a project must not become torch, nor take its place."""
    mine = definition(write(tmp_path, {"json": NET + INPUTS}), "json.py:make")
    assert isinstance(mine.build(), nn.Linear)
    assert sys.modules["json"].dumps
    digest = sha256(bytes(tmp_path / "json.py")).hexdigest()[:16]
    assert f"file_{digest}" in sys.modules, "the same name in every process: a gate compares what arms loaded"


KERNEL = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, 2)
    def forward(self, x, scale):
        return self.linear(x) * scale

batch_size = 6
def get_inputs():
    return [torch.rand(batch_size, 3), 2.0]
def get_init_inputs():
    return [3]
"""


def test_file_of_the_protocol_runs_as_it_is(tmp_path: Path) -> None:
    """Its batch is its own; another one is an error, since the figure would be of something else."""
    mine = definition(write(tmp_path, {"kernel": KERNEL}), "kernel.py")
    (first, scale), target = mine.feed(6, 0, None)
    assert (first.shape, scale, target) == ((6, 3), 2.0, None)
    assert find_batch([torch.tensor(1), "text", torch.zeros(7, 2)]) == 7
    assert mine.build()(first, scale).shape == (6, 2)
    assert "its batch is what its file says, whatever --batch says" in mine.remarks
    with pytest.raises(ImportedError, match=r"get_inputs\(\) gives 6 examples, the case has 64"):
        mine.feed(64, 0, None)


WRONG = {
    "def make(width):\n    return None\n": r"net.py:make wants arguments \(missing a required argument: 'width'\)",
    "def make():\n    return 3\n": r"net.py:make returned int, which is no torch.nn.Module",
    "from torch import nn\nmake = nn.Linear(2, 2)\n": "net.py:make is a module already",
    "make = 5\n": "net.py:make is int and cannot be called",
    "def other():\n    return None\nclass Net:\n    pass\n": "net.py has no make; it defines other, Net",
}


@pytest.mark.parametrize(("source", "sentence"), WRONG.items())
def test_factory_that_makes_no_network_is_one_line(source: str, sentence: str, tmp_path: Path) -> None:
    """What, where and what to do."""
    with pytest.raises(ImportedError, match=sentence):
        definition(write(tmp_path, {"net": source}), "net.py:make").build()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("torch.randn(7, 4)", r"example_inputs\(3\) returned \(7, 4\); none has 3 in front"),
        ("'text'", r"example_inputs\(3\) returned no tensor; none has 3 in front"),
    ],
)
def test_inputs_of_the_wrong_batch_are_one_line(change: str, sentence: str, tmp_path: Path) -> None:
    """The figure per example would be wrong."""
    source = NET + INPUTS.replace("torch.randn(batch, 4)", change)
    with pytest.raises(ImportedError, match=sentence):
        definition(write(tmp_path, {"net": source}), "net.py:make").feed(3, 0, None)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("output", r"returned a tensor of shape \(3, 2\)"),
        ("3.0", "returned float"),
        ("output.argmax()", "must be a sca"),
    ],
)
def test_loss_that_is_no_scalar_is_one_line(value: str, sentence: str, tmp_path: Path) -> None:
    """Torch's own word about it comes from the middle of a backward."""
    source = NET + INPUTS + f"def loss(output, x):\n    return {value}\n"
    mine = definition(write(tmp_path, {"net": source}), "net.py:make")
    with pytest.raises(ImportedError, match=sentence):
        loss_of(mine, mine.build())


def test_file_that_is_not_there_or_does_not_keep_the_protocol_is_one_line(tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(ImportedError, match=r"net.py: no such file in"):
        definition(tmp_path, "net.py:make")
    with pytest.raises(
        ImportedError, match=r"net.py has no Model: name its factory \(net.py:factory\), or define Model, g"
    ):
        definition(write(tmp_path, {"net": NET}), "net.py")


def test_default_loss_is_the_mean_of_all_outputs() -> None:
    """Whatever their nesting; whole numbers have no share in it."""
    output = {"a": torch.ones(2, 3), "b": [torch.full((2,), 5.0), torch.tensor([7])], "c": "text"}
    assert float(mean_of_outputs(output, None)) == pytest.approx((6 * 1 + 2 * 5) / 8)
    assert float(mean_of_outputs(torch.tensor([3]), None)) == 0
