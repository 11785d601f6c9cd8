"""What other plugins do to the suite is found by what it does, before anything is measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from bench.host.folders import ROOT
from tests.makers.doubles import FakePool

FLOAT = "mlp-forward-b64-cpu-float32-eager"

REPEATS_BY_FIXTURE = """
import pytest

@pytest.fixture
def repetition(request):
    return request.param

@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("repetition")
    metafunc.parametrize("repetition", range(3), indirect=True)
"""
"""Repeats every test as pytest-repeat does."""

REPEATS_BY_VALUE = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("repetition")
    metafunc.parametrize("repetition", range(3))
"""
"""Repeats every test as pytest-flakefinder does."""

REPEATS_ITEMS = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items for _ in range(3)]
"""
"""Repeats every test without a parameter."""

OTHER_FIXTURE = """
import pytest

class Replacing:
    @pytest.fixture
    def benchmark(self):
        return lambda function: None

def pytest_configure(config):
    config.pluginmanager.register(Replacing())
"""
"""Replaces the fixture once pytest-benchmark is there, as pytest-codspeed does."""

Refused = Callable[..., str]


@pytest.fixture(params=[(), ("--plan",), ("--against=HEAD",)], ids=["run", "plan", "gate"])
def refused(
    request: pytest.FixtureRequest,
    pytester: pytest.Pytester,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Refused:
    """Runs ``pytest bench`` with a plugin of this source, and returns the sentence with which it is refused."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setattr("bench.plugin.output.Output.__init__.__kwdefaults__", {"reports": tmp_path / "reports"})
    pool = FakePool()
    for module in ("run.run_workers", "plan.run_workers", "gate.gate_workers"):
        monkeypatch.setattr(f"bench.plugin.{module}", lambda *_, **__: nullcontext(pool))
    small = ("--device=cpu", "--step=forward", "--batch=64", "--compile=off", "--data=random", "--launches=8")

    def run(source: str) -> str:
        pytester.makepyfile(foreign=source)
        pytester.syspathinsert()
        json_path = tmp_path / "out.json"
        ended = pytester.inline_run(
            str(ROOT / "bench"), "-p", "no:cacheprovider", "-p", "foreign", *small,
            f"--benchmark-json={json_path}", *request.param,
        )  # fmt: skip
        assert ended.ret == pytest.ExitCode.USAGE_ERROR
        assert pool.asked == []
        assert not json_path.exists()
        return capsys.readouterr().err.strip()

    return run


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (REPEATS_BY_FIXTURE, ", the parameter repetition of foreign"),
        (REPEATS_BY_VALUE, ", the parameter repetition of foreign"),
        (REPEATS_ITEMS, ""),
    ],
    ids=["fixture", "value", "items"],
)
def test_case_for_which_two_tests_stand_is_refused(refused: Refused, source: str, told: str) -> None:
    """Its result would be told three times; who repeats it is named where a parameter says so."""
    assert refused(source) == (
        f"ERROR: 3 tests stand for the case {FLOAT}, and every case is recorded once: leave out what repeats them{told}"
    )


def test_fixture_that_is_not_pytest_benchmarks_own_is_refused(refused: Refused) -> None:
    """The results would go to another program, or nowhere."""
    sentence = refused(OTHER_FIXTURE)
    assert sentence.startswith(f"ERROR: test_steps[{FLOAT}] would get the fixture `benchmark` of foreign, ")
    assert "\n" not in sentence
