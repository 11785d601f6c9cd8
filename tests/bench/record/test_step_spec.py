"""A step of the user's own has a word of its own, whatever its function is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.record.case import BUILTIN_STEPS, Case
from bench.record.step_spec import parse_steps, split_target

HERE = Path("/somewhere")


def test_built_in_steps_are_named_as_they_are() -> None:
    """They have no spec."""
    assert parse_steps(BUILTIN_STEPS, HERE) == (BUILTIN_STEPS, ())


def test_step_of_the_users_own_is_called_as_its_function() -> None:
    """The order of the command line is kept; a relative path is below the folder that is given."""
    ids, (spec,) = parse_steps(["forward", "lib/steps.py:generate", "train"], HERE)
    assert ids == ("forward", "generate", "train")
    assert (spec.id, spec.text, spec.function) == ("generate", "lib/steps.py:generate", "generate")
    assert spec.file == HERE / "lib" / "steps.py"
    assert split_target(spec.target) == (spec.file, "generate")


def test_names_that_are_taken_get_a_number() -> None:
    """By a built-in step or by the function of another file; each id is a word, which a case demands."""
    ids, specs = parse_steps(["a.py:forward", "a.py:step", "b.py:step", "c.py:step", "a.py:step_2"], HERE)
    assert ids == ("forward_2", "step", "step_2", "step_3", "step_2_2")
    assert [spec.id for spec in specs] == list(ids)
    for name in ids:
        Case(model="mlp", step=name, batch=1, device="cpu", dtype="float32", compile="off")


def test_same_function_twice_is_one_step() -> None:
    """However its path is written."""
    ids, specs = parse_steps(["a.py:f", "./a.py:f", "/somewhere/x/../a.py:f"], HERE)
    assert ids == ("f",)
    assert len(specs) == 1


def test_paths_with_colons_end_at_the_last() -> None:
    """What stands behind it is the function."""
    assert parse_steps(["odd:name/a.py:f"], HERE)[1][0].file == HERE / "odd:name" / "a.py"


@pytest.mark.parametrize("text", ["sideways", "a.py", "a.py:", "a.py:two words", ":f", "a.txt:f", "a.py:f.g"])
def test_what_is_no_spec_is_refused_with_what_there_is(text: str) -> None:
    """A misspelled built-in step is the most likely one."""
    with pytest.raises(ValueError, match=r"unknown step '.*'; known: forward, .*, predict, path/file.py:function"):
        parse_steps([text], HERE)
