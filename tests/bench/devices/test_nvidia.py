"""NVIDIA's management library at its narrowest edge: a fake of the few functions that are called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from bench.devices import nvidia as nvml
from bench.devices.description import device_facts

CUDA = torch.device("cuda", 0)


class NVMLError(Exception):
    """What the library raises."""


def fake(**changes: object) -> SimpleNamespace:
    """Return the library as it is on a card that is warm and at its power limit."""

    def by_uuid(uuid: str) -> str:
        assert uuid == "GPU-1234"
        return "card"

    made = {
        "NVMLError": NVMLError,
        "NVML_CLOCK_SM": 1,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlClocksThrottleReasonSwPowerCap": 4,
        "nvmlClocksThrottleReasonHwThermalSlowdown": 64,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": by_uuid,
        "nvmlSystemGetDriverVersion": lambda: b"580.1",
        "nvmlDeviceGetEnforcedPowerLimit": lambda _: 700_000,
        "nvmlDeviceGetMaxClockInfo": lambda _, kind: 1980 * kind,
        "nvmlDeviceGetClockInfo": lambda _, kind: 345 * kind,
        "nvmlDeviceGetTemperature": lambda _, kind: 34 + kind,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda _: 1 | 4 | 64,
    }
    return SimpleNamespace(**{**made, **changes})


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have torch know one card, and nothing of the library remembered."""
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1234"))
    nvml._card.cache_clear()
    yield
    nvml._card.cache_clear()


def raise_it(*_: object) -> None:
    """Fail as the library does."""
    raise NVMLError("not supported")


def test_facts_are_in_base_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watts and hertz; what is a state and no property says so in its name."""
    monkeypatch.setitem(sys.modules, "pynvml", fake())
    assert nvml.facts(CUDA) == {
        "driver": "580.1",
        "power_limit_watts": 700.0,
        "most_clock_hertz": 1.98e9,
        "clock_hertz_at_start": 3.45e8,
        "celsius_at_start": 34,
    }


def test_fact_that_a_card_does_not_tell_is_none_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """One refusal does not cost the others."""
    monkeypatch.setitem(sys.modules, "pynvml", fake(nvmlDeviceGetEnforcedPowerLimit=raise_it))
    found = nvml.facts(CUDA)
    assert found["power_limit_watts"] is None
    assert found["power_limit_watts.reason"] == "nvidia-ml-py: not supported"
    assert found["driver"] == "580.1"


def test_lowered_clocks_have_their_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Being idle, bit 1, is none; a reason that this version of the library does not know is no error."""
    monkeypatch.setitem(sys.modules, "pynvml", fake())
    assert nvml.throttled(CUDA) == ("the power limit", "the temperature")


@pytest.mark.parametrize(
    "library",
    [
        None,
        fake(nvmlInit=raise_it),
        fake(nvmlDeviceGetHandleByUUID=raise_it),
        fake(nvmlDeviceGetCurrentClocksThrottleReasons=raise_it),
    ],
    ids=["not-installed", "does-not-start", "knows-no-such-card", "does-not-tell"],
)
def test_library_that_does_not_answer_costs_nothing(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert nvml.throttled(CUDA) == ()


def test_other_cards_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """ROCm calls its devices cuda too."""
    monkeypatch.setitem(sys.modules, "pynvml", fake(nvmlInit=lambda: pytest.fail("asked")))
    assert nvml.facts(torch.device("cpu")) == {}
    nvml._card.cache_clear()
    monkeypatch.setattr(torch.version, "hip", "6.0")
    assert nvml.facts(CUDA) == {}


def test_cpu_is_described_by_its_name_alone() -> None:
    """Its memory and cores are facts of the machine."""
    assert set(device_facts(torch.device("cpu"))) == {"description"}
