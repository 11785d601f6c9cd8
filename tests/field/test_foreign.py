"""Gates on repositories of other people that end before anything is timed; the others are `foreign`'s own to run."""

from __future__ import annotations

import pytest

from tests.field.foreign import QUICK, SITUATIONS, carry_out, main


@pytest.mark.parametrize("name", QUICK)
def test_gate_of_a_foreign_repository_is_as_expected(name: str) -> None:
    """What keeps it from being measured is named, and is never a pass."""
    seen = carry_out(name, short=True)
    assert seen.right, f"{SITUATIONS[name].__doc__}\n{seen.ended}\n{seen.ended.printed}"


def test_unknown_situation_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that are known."""
    with pytest.raises(SystemExit):
        main(["--only", "nowhere"])
    assert "known: editable," in capsys.readouterr().err
