"""A Case is nine scalars, none of which can be wrong."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given

from bench.record.case import AXES, COMPILE_MODES, Case, Group, Variant, as_params, check_compile, select
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
        pytest.param("layout", "nhwc", "unknown layout 'nhwc'; known: contiguous, channels_last", id="layout"),
        pytest.param("threads", 0, "threads is 0", id="no-threads"),
        pytest.param("threads", True, "threads is True", id="bool-threads"),
        pytest.param("threads", "2", "threads is '2'", id="text-threads"),
        pytest.param("ranks", "2", "unknown ranks '2'; known: 1, ddp:N", id="ranks"),
        pytest.param("ranks", "ddp:0", "unknown ranks 'ddp:0'", id="no-ranks"),
        pytest.param("ranks", "ddp:01", "unknown ranks 'ddp:01'", id="ranks-in-two-ways"),
        pytest.param("compile", "backend:x-ddp2", "ends as an id of another axis does", id="ranks-of-backend"),
        pytest.param("compile", "backend:x-2threads", "ends as an id of another axis does", id="threads-of-backend"),
        pytest.param("compile", "backend:-channels_last", "ends as an id of another", id="layout-of-backend"),
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


@pytest.mark.parametrize(
    ("axes", "ending"),
    [
        ({"layout": "channels_last"}, "-eager-channels_last"),
        ({"threads": 1}, "-eager-1thread"),
        ({"threads": 2, "compile": "on"}, "-compiled-2threads"),
        ({"threads": 2, "layout": "channels_last"}, "-eager-channels_last-2threads"),
        ({"ranks": "ddp:2"}, "-eager-ddp2"),
        ({"threads": 1, "ranks": "ddp:1"}, "-eager-1thread-ddp1"),
    ],
    ids=str,
)
def test_id_says_layout_and_threads_where_they_are_not_the_default(axes: dict[str, Any], ending: str) -> None:
    """The ids of stored results, and of floors in a pyproject.toml, stay what they were."""
    assert replace(CASE, **axes).id == f"mlp-forward-b64-cpu-float32{ending}"


def test_variant_reads_as_a_person_would_say_it() -> None:
    """In legends and headings, beside the compile mode or with it."""
    variant = replace(CASE, layout="channels_last", threads=2).variant
    assert str(variant) == "float32 eager channels_last 2 threads"
    assert variant.without_compile == "float32 channels_last 2 threads"
    assert str(CASE.variant) == "float32 eager"


@given(one=cases, other=cases)
def test_ids_are_equal_only_for_equal_cases_of_one_model_and_device(one: Case, other: Case) -> None:
    """A worker finds a prepared case by its id."""
    other = replace(other, model=one.model, device=one.device)
    assert (one.id == other.id) == (one == other)


@given(cases)
def test_params_are_the_eight_axes_and_make_the_case_again(case: Case) -> None:
    """What a stored result holds explains itself."""
    params = as_params(case)
    assert tuple(params) == AXES == (*Group._fields, *Variant._fields)
    assert Case(**params) == case  # type: ignore[arg-type]
    assert params == asdict(case)


@pytest.mark.parametrize(
    ("axis", "value"), [("dtype", "bfloat16"), ("compile", "on"), ("layout", "channels_last"), ("threads", 2)]
)
def test_variants_of_a_group_differ_in_dtype_compile_layout_and_threads(axis: str, value: str | int) -> None:
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


def test_select_is_the_product_with_the_dtypes_and_threads_of_each_device() -> None:
    """An accelerator takes float16 too, and one group's variants stand next to each other."""
    found = select(
        models=("mlp",),
        steps=("forward", "train"),
        batches=lambda _: (1, 2),
        devices=("cpu", "cuda"),
        dtypes={"cpu": ("float32",), "cuda": ("float32", "float16")}.__getitem__,
        compiles=("off", "on"),
        layouts=("contiguous", "channels_last"),
        threads={"cpu": (1, 2), "cuda": (None,)}.__getitem__,
    )
    assert len(found) == len(set(found)) == 2 * 2 * 2 * 2 * (1 * 2 + 2 * 1)
    assert {case.dtype for case in found if case.device == "cpu"} == {"float32"}
    groups = [case.group for case in found]
    assert groups == sorted(groups, key=groups.index)
