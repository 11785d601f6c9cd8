"""Time in which this process stood still counts against nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.host import patience
from bench.host.git import git
from bench.host.patience import Patience, run_program
from bench.plugin import device_names
from tests.makers import repositories


@pytest.fixture
def pausing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is 1000 seconds later, as after a laptop was suspended."""
    stamps = iter(range(0, 10**9, 1000))
    monkeypatch.setattr(patience, "monotonic", lambda: float(next(stamps)))


@pytest.mark.usefixtures("pausing")
def test_pause_counts_as_one_piece() -> None:
    """Five pieces of a second are waited for, however late each of them ends."""
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Patience(4.5).wait(wait, TimeoutError)
    assert waited == [1.0, 1.0, 1.0, 1.0, 0.5]


def test_waits_of_one_patience_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that answers in drops does not get the whole time for each of them."""
    stamps = iter([0.0, 0.75, 1.0, 1.5])
    monkeypatch.setattr(patience, "monotonic", lambda: next(stamps))
    whole = Patience(2.0)
    assert whole.wait(lambda seconds: seconds, TimeoutError) == 1.0
    assert whole.left == 1.25
    whole.wait(lambda seconds: seconds, TimeoutError)
    assert whole.left == 0.75


@pytest.mark.usefixtures("pausing")
@pytest.mark.parametrize("given", [b"", b"x" * 10**6], ids=["nothing", "much"])
def test_program_that_takes_several_pieces_has_its_answer(given: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed before, and what it still had to be given, is not lost between two pieces."""
    monkeypatch.setattr(patience, "PIECE_SECONDS", 0.05)
    code = "import sys, time; time.sleep(0.2); print(len(sys.stdin.buffer.read())); time.sleep(0.3); print('end')"
    done = run_program([sys.executable, "-c", code], 60, given=given)
    assert done.stdout.split() == [str(len(given)).encode(), b"end"]


def test_program_that_takes_too_long_is_killed() -> None:
    """Nobody waits for it any longer."""
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(["sleep", "1000"], 0.05)


def test_program_that_fails_says_how() -> None:
    """With what it printed."""
    with pytest.raises(subprocess.CalledProcessError) as ended:
        run_program([sys.executable, "-c", "import sys; sys.exit('no')"], 60)
    assert (ended.value.returncode, ended.value.stderr.strip()) == (1, b"no")


@pytest.mark.usefixtures("pausing")
def test_git_and_the_probe_of_devices_wait_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is suspended while git is asked had no commit, and no devices."""
    repositories.git(tmp_path, "init")
    assert git(tmp_path, "rev-parse", "--is-inside-work-tree") == b"true\n"
    real = run_program
    code = """print('{"found": ["cpu"], "refused": {}}')"""
    monkeypatch.setattr(
        device_names, "run_program", lambda given, seconds, **rest: real([given[0], "-c", code], seconds, **rest)
    )
    assert device_names.probe_devices([]) == (["cpu"], {})
