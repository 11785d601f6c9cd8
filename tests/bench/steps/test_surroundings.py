"""A case's threads and precision are switched on for it alone, and what a model's import sets stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from bench.devices.tf32 import NOT_ROUNDED
from bench.steps import support as support_module
from bench.steps.support import SkipError, try_case
from bench.steps.surroundings import surroundings
from tests.makers.subjects import CPU, case_of


@pytest.fixture(autouse=True)
def one() -> Iterator[None]:
    """Have one thread before and behind, and products in full precision."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.set_float32_matmul_precision("highest")


def import_nothing() -> None:
    """Stand for a model that sets nothing."""


def seen(threads: int | None, dtype: str) -> tuple[int, str]:
    """Return the number of threads and the precision of products inside a case's surroundings."""
    with surroundings(replace(case_of(dtype=dtype), threads=threads), CPU, import_nothing):
        return torch.get_num_threads(), torch.get_float32_matmul_precision()


def test_case_has_its_own_threads_and_precision() -> None:
    """The next one has the process's again."""
    assert seen(2, "float32") == (2, "highest")
    assert seen(None, "tf32") == (1, "high")
    assert seen(2, "tf32") == (2, "high")
    assert seen(None, "float32") == (1, "highest")


def test_threads_of_an_accelerator_are_a_skip() -> None:
    """An arm may name them for a case there; the figure would be of something else."""
    with (
        pytest.raises(SkipError, match="threads=2: only operators of the CPU run on threads, not those of meta"),
        surroundings(replace(case_of(), threads=2), torch.device("meta"), import_nothing),
    ):
        pass


def test_what_a_models_import_sets_is_not_undone() -> None:
    """Whether a case with threads of its own comes first must not change what the others are timed with."""

    def import_model() -> None:
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("high")

    with surroundings(replace(case_of(dtype="tf32"), threads=2), CPU, import_model):
        pass
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (2, "high")


def test_tf32_is_a_skip_where_products_are_not_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch may be there and change nothing, as on most processors."""
    monkeypatch.setattr(support_module, "rounds_products", lambda _: False)
    support_module._refusal.cache_clear()
    with pytest.raises(SkipError, match=f"tf32 does not work on cpu: {NOT_ROUNDED}"):
        try_case(case_of(dtype="tf32"), CPU)
    monkeypatch.setattr(support_module, "rounds_products", lambda _: torch.get_float32_matmul_precision() == "high")
    support_module._refusal.cache_clear()
    try_case(case_of(dtype="tf32"), CPU)
    support_module._refusal.cache_clear()
