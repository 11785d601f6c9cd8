"""Real images are found where they are, packed or not; without them there is a sentence, never a traceback."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
import torch

from models import dataset
from models.inputs import fashion_mnist, random_images

COUNT = 5
REAL = dataset.find(Path("/nonexistent"))


@pytest.fixture(autouse=True)
def no_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pretend that Debian's package is not installed."""
    monkeypatch.setattr(dataset, "DEBIAN", tmp_path / "debian")


def put(folder: Path, *, packed: bool) -> Path:
    """Write four tiny files in the data set's format: image n has all pixels n, and label n."""
    folder.mkdir(parents=True, exist_ok=True)
    images = struct.pack(">IIII", 0x803, COUNT, 28, 28) + b"".join(bytes([n]) * 784 for n in range(COUNT))
    labels = struct.pack(">II", 0x801, COUNT) + bytes(range(COUNT))
    for name in dataset.FILES:
        content = images if "images" in name else labels
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("below", [dataset.RAW, Path()], ids=["as-torchvision-has-them", "directly"])
def test_files_below_the_root_are_found(tmp_path: Path, below: Path, *, packed: bool) -> None:
    """A folder that already has them will do, however they lie in it."""
    folder = put(tmp_path / "data" / below, packed=packed)
    assert dataset.find(tmp_path / "data") == folder


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
def test_debians_package_is_found_last(tmp_path: Path, *, packed: bool) -> None:
    """--data-root is the user's word."""
    debian = put(tmp_path / "debian", packed=packed)
    assert dataset.find(tmp_path / "data") == debian
    mine = put(tmp_path / "data", packed=packed)
    assert dataset.find(tmp_path / "data") == mine


@pytest.mark.parametrize("absent", dataset.FILES)
def test_folder_that_lacks_a_file_is_not_taken(tmp_path: Path, absent: str) -> None:
    """All four are wanted."""
    folder = put(tmp_path / "data", packed=True)
    (folder / f"{absent}.gz").unlink()
    assert dataset.find(tmp_path / "data") is None


def test_absent_files_are_a_sentence_with_three_ways_to_get_them(tmp_path: Path) -> None:
    """What, where and what to do."""
    sentence = dataset.missing(tmp_path)
    for words in (str(tmp_path), "--download", "--data-root", "dataset-fashion-mnist"):
        assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("below", [dataset.RAW, Path()], ids=["as-torchvision-has-them", "directly"])
def test_torchvision_reads_what_was_found(tmp_path: Path, below: Path, *, packed: bool) -> None:
    """It wants plain files in FashionMNIST/raw; the user's folder is not written to."""
    folder = put(tmp_path / "data" / below, packed=packed)
    before = sorted(folder.iterdir())
    root = dataset.torchvision_root(folder, tmp_path / "scratch")
    images, labels = fashion_mnist(root, COUNT)
    assert labels.tolist() == list(range(COUNT))
    assert (images * 255).round().mean(dim=(1, 2, 3)).tolist() == list(range(COUNT))
    assert sorted(folder.iterdir()) == before
    assert root == (tmp_path / "data" if below == dataset.RAW and not packed else tmp_path / "scratch")


@pytest.mark.parametrize("count", [1, COUNT, 2 * COUNT + 1])
def test_images_begin_again_after_the_last(tmp_path: Path, count: int) -> None:
    """A batch may be larger than the data set."""
    root = dataset.torchvision_root(put(tmp_path / "data", packed=True), tmp_path / "scratch")
    images, labels = fashion_mnist(root, count)
    assert images.shape == (count, 1, 28, 28)
    assert images.is_contiguous()
    assert labels.tolist() == [index % COUNT for index in range(count)]


def test_truncated_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    """A download that broke off; whoever calls says so in a sentence."""
    folder = put(tmp_path / "data", packed=True)
    packed = folder / f"{dataset.FILES[0]}.gz"
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(OSError, match=r"\w"):
        dataset.torchvision_root(folder, tmp_path / "scratch")


def test_torchvision_without_files_is_an_error(tmp_path: Path) -> None:
    """Nothing is downloaded behind the user's back."""
    with pytest.raises(RuntimeError, match="not found"):
        fashion_mnist(tmp_path, 1)


@pytest.mark.skipif(REAL is None, reason="FashionMNIST is not on this machine: apt install dataset-fashion-mnist")
def test_real_images_are_ten_classes_of_clothes(tmp_path: Path) -> None:
    """The first test images have these labels, everywhere: an ankle boot, a pullover, two pairs of trousers."""
    assert REAL is not None
    images, labels = fashion_mnist(dataset.torchvision_root(REAL, tmp_path), 10_001)
    assert images.shape == (10_001, 1, 28, 28)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert labels.bincount().tolist() == [1000] * 9 + [1001]
    assert torch.equal(images[10_000], images[0])


def test_random_images_look_like_the_real_ones() -> None:
    """Same shapes, types and ranges, so that only the data source differs."""
    images, labels = random_images(1000, 0)
    assert images.shape == (1000, 1, 28, 28)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert 0 <= images.min() < 0.01
    assert 0.99 < images.max() <= 1
    assert set(labels.tolist()) == set(range(10))


def test_random_images_are_the_seeds_own() -> None:
    """The same seed repeats the run, whatever was drawn before."""
    first = random_images(3, 1)
    torch.rand(5)
    second, other = random_images(3, 1), random_images(3, 2)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])
