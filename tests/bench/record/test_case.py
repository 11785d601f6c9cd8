"""A Case is six scalars, none of which can be wrong."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given

from bench.record.case import AXES, COMPILE_MODES, Case, as_params, check_compile, select
from tests.makers.strategies import cases

CASE = Case(model="mlp", step="forward", batch=64, device="cpu", dtype="float32", compile="off")


@pytest.mark.parametrize(
    ("axis", "value", "sentence"),
    [
        pytest.param("model", "", "model is empty", id="empty-model"),
        pytest.param("device", "", "device is empty", id="empty-device"),
        pytest.param("step", "", "step is ''; it must be one word", id="empty-step"),
        pytest.param("step", "a-b1", "step is 'a-b1'; it must be one word", id="step-of-two-words"),
        pytest.param("dtype", "float8", "unknown dtype 'float8'; known: float32, bfloat16, float16", id="dtype"),
        pytest.param("compile", "fast", "unknown compile 'fast'; known: off, on, .*backend:NAME", id="compile"),
        pytest.param("compile", "backend:", "unknown compile 'backend:'", id="nameless-backend"),
        pytest.param("batch", 0, "batch is 0", id="empty-batch"),
        pytest.param("batch", -1, "batch is -1", id="negative-batch"),
        pytest.param("batch", 1.0, "batch is 1.0", id="fractional-batch"),
        pytest.param("batch", True, "batch is True", id="bool-batch"),
        pytest.param("batch", "1", "batch is '1'", id="text-batch"),
    ],
)
def test_value_that_an_axis_does_not_have_raises(axis: str, value: object, sentence: str) -> None:
    """A case that exists can be measured or refused, never misunderstood; the sentence lists what is known."""
    with pytest.raises(ValueError, match=sentence):
        replace(CASE, **{axis: value})


@pytest.mark.parametrize(
    ("compile_", "ending"),
    [
        ("off", "-eager"),
        ("on", "-compiled"),
        ("max-autotune", "-compiled=max-autotune"),
        ("backend:eager", "-compiled=backend:eager"),
    ],
)
def test_id_reads_as_a_person_would_say_it(compile_: str, ending: str) -> None:
    """The id names tests, rows and files."""
    assert replace(CASE, compile=compile_).id == f"mlp-forward-b64-cpu-float32{ending}"


@given(one=cases, other=cases)
def test_ids_are_equal_only_for_equal_cases_of_one_model_and_device(one: Case, other: Case) -> None:
    """A worker finds a prepared case by its id."""
    other = replace(other, model=one.model, device=one.device)
    assert (one.id == other.id) == (one == other)


@given(cases)
def test_params_are_the_six_axes_and_make_the_case_again(case: Case) -> None:
    """What a stored result holds explains itself."""
    params = as_params(case)
    assert tuple(params) == AXES == ("model", "step", "batch", "device", "dtype", "compile")
    assert Case(**params) == case  # type: ignore[arg-type]
    assert params == asdict(case)


@pytest.mark.parametrize(("axis", "value"), [("dtype", "bfloat16"), ("compile", "on")])
def test_variants_of_a_group_differ_in_dtype_and_compile(axis: str, value: str) -> None:
    """These are the ratios a reader asks for, so they are interleaved."""
    assert replace(CASE, **{axis: value}).group == CASE.group


@pytest.mark.parametrize(
    ("axis", "value"), [("model", "mlp-wide"), ("step", "train"), ("batch", 1), ("device", "cuda")]
)
def test_other_axes_make_another_group(axis: str, value: str | int) -> None:
    """A set stays seconds long only while it holds few cases."""
    assert replace(CASE, **{axis: value}).group != CASE.group


@pytest.mark.parametrize("mode", [*COMPILE_MODES, "backend:aot_eager"])
def test_every_mode_is_accepted_and_only_off_is_eager(mode: str) -> None:
    """Whether a case compiles decides what is verified about it."""
    assert check_compile(mode) == mode
    assert replace(CASE, compile=mode).compiled == (mode != "off")


def test_select_is_the_product_with_the_dtypes_of_each_device() -> None:
    """An accelerator takes float16 too, and one group's variants stand next to each other."""
    found = select(
        models=("mlp",),
        steps=("forward", "train"),
        batches=lambda _: (1, 2),
        devices=("cpu", "cuda"),
        dtypes={"cpu": ("float32",), "cuda": ("float32", "float16")}.__getitem__,
        compiles=("off", "on"),
    )
    assert len(found) == len(set(found)) == 2 * 2 * 2 * (1 + 2)
    assert {case.dtype for case in found if case.device == "cpu"} == {"float32"}
    groups = [case.group for case in found]
    assert groups == sorted(groups, key=groups.index)
