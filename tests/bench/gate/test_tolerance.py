"""What pyproject.toml may say about floors and known regressions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate.tolerance import read_tolerance
from bench.record.case import Case
from bench.record.gate import ACCELERATOR_FLOOR, CPU_FLOOR
from bench.request import SetupError
from tests.makers.runs import TWO

ACCEPTED = """
[[tool.accelbench.accepted]]
case = "mlp-*"
up_to = 0.08
reason = "stabler"
until = {until}
"""


def written(folder: Path, text: str) -> Path:
    """Return a pyproject.toml."""
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


def test_nothing_said_means_the_defaults(tmp_path: Path) -> None:
    """A shared CPU tells two percent apart, an accelerator one."""
    tolerance = read_tolerance(tmp_path / "pyproject.toml")
    assert tolerance.floor(TWO[0], None) == CPU_FLOOR
    assert tolerance.floor(Case(**{**vars_of(TWO[0]), "device": "cuda:1"}), None) == ACCELERATOR_FLOOR
    assert tolerance.accepted == ()


def vars_of(case: Case) -> dict[str, object]:
    """Return the scalars of a case."""
    return {name: getattr(case, name) for name in ("model", "step", "batch", "device", "dtype", "compile")}


def test_first_pattern_that_fits_counts_and_a_marker_goes_first(tmp_path: Path) -> None:
    """From the special to the general."""
    text = '[tool.accelbench.floors]\n"*-float32-eager" = 0.05\n"mlp-*" = 0.1\n'
    tolerance = read_tolerance(written(tmp_path, text))
    assert [tolerance.floor(case, None) for case in TWO] == [0.05, 0.1]
    assert tolerance.floor(TWO[0], 0.3) == 0.3


@pytest.mark.parametrize(("detect", "floor"), [(0.02, 0.015), (0.05, CPU_FLOOR), (None, CPU_FLOOR)])
def test_floor_that_nobody_chose_is_below_what_is_to_be_seen(
    detect: float | None, floor: float, tmp_path: Path
) -> None:
    """A slowdown on its floor is called one in half of all gates, however many blocks there are."""
    assert read_tolerance(tmp_path / "pyproject.toml").floor(TWO[0], None, detect) == pytest.approx(floor)


def test_chosen_floor_that_hides_what_is_to_be_seen_is_refused(tmp_path: Path) -> None:
    """It is said before anything is measured, with the case and what to do."""
    tolerance = read_tolerance(written(tmp_path, '[tool.accelbench.floors]\n"mlp-*" = 0.02\n'))
    assert tolerance.floor(TWO[0], None, 0.021) == 0.02
    with pytest.raises(SetupError, match=f"--detect 0.02: the floor of {TWO[0].id} is 0.02, .* lower that floor"):
        tolerance.floor(TWO[0], None, 0.02)
    with pytest.raises(SetupError, match=r"the floor of .* is 0\.3"):
        tolerance.floor(TWO[0], 0.3, 0.02)


def test_pattern_that_fits_no_case_is_found(tmp_path: Path) -> None:
    """A floor that was meant for a case and is none: each pattern once, in the order of the file."""
    text = '[tool.accelbench.floors]\n"mpl-*" = 0.1\n"mlp-*" = 0.1\n' + ACCEPTED.format(until='"2027-01-31"')
    text += ACCEPTED.format(until='"2027-01-31"').replace("mlp-*", "cnn-*")
    tolerance = read_tolerance(written(tmp_path, text))
    assert tolerance.find_idle(TWO) == ("mpl-*", "cnn-*")
    assert tolerance.find_idle([]) == ("mpl-*", "mlp-*", "cnn-*")


@pytest.mark.parametrize("until", ['"2027-01-31"', "2027-01-31"], ids=["text", "date"])
def test_known_regression_has_a_reason_and_a_last_day(tmp_path: Path, until: str) -> None:
    """TOML has dates of its own; both are read."""
    (accepted,) = read_tolerance(written(tmp_path, ACCEPTED.format(until=until))).accepted
    assert (accepted.case, accepted.up_to, accepted.reason, accepted.until) == ("mlp-*", 0.08, "stabler", "2027-01-31")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[tool.accelbench", "pyproject.toml: "),
        ("[tool.accelbench]\nfloor = 1", "unknown key 'floor'; known: models, .*, floors, accepted"),
        ('[tool.accelbench.floors]\n"mlp" = 5', "the floor of mlp is 5; it must be a share such as 0.05"),
        ('[tool.accelbench.floors]\n"mlp" = "5%"', "the floor of mlp is '5%'"),
        ('[tool.accelbench.floors]\n"mlp" = true', "the floor of mlp is True"),
        ("[tool.accelbench]\nfloors = 3", "has no attribute"),
        (ACCEPTED.format(until='"someday"'), "accepted.0.: .*isoformat"),
        (ACCEPTED.format(until='"2027-01-31"').replace("stabler", " "), "gives no reason"),
        (ACCEPTED.format(until='"2027-01-31"').replace("reason", "why"), "unknown field 'why'"),
        (ACCEPTED.format(until='"2027-01-31"').replace("0.08", "-1.0"), "up_to is -1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    """A typo in the tolerance must not switch the check off."""
    with pytest.raises(SetupError, match=sentence):
        read_tolerance(written(tmp_path, text))


def test_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """It is there, and is none."""
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(SetupError, match=r"pyproject\.toml"):
        read_tolerance(tmp_path / "pyproject.toml")


@pytest.mark.parametrize("text", ["tool = 1\n", '[tool]\naccelbench = "x"\n', "[tool]\naccelbench = []\n"])
def test_table_that_is_none_is_a_sentence(text: str, tmp_path: Path) -> None:
    """And no traceback."""
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(SetupError, match=r"\[tool.accelbench\]: it must be a table"):
        read_tolerance(path)
