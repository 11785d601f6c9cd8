"""A busy machine is said before anything is measured, by a run and by a gate."""

from __future__ import annotations

import pytest

from bench.plugin.busy import tell_busy


@pytest.mark.parametrize(
    ("load", "cores", "said"),
    [
        (0.4, 2, None),
        (5.1, 2, "the machine is busy (load 5.1 on 2 cores): what is measured now is of that, too"),
        (3.0, 1, "the machine is busy (load 3.0 on 1 core): what is measured now is of that, too"),
    ],
)
def test_busy_machine_is_said(load: float, cores: int, said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes later its figures are as neat as any."""
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert tell_busy() == said
