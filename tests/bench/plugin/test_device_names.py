"""What a device's name means here, asked of a process of its own where the name alone does not say."""

from __future__ import annotations

import pytest

from bench.plugin import device_names
from bench.plugin.device_names import meets, named_devices, needs_probe
from bench.request import SetupError
from tests.makers.requests import made_request


def probe_as(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the probe process run this program instead."""
    real = device_names.run_program
    monkeypatch.setattr(
        device_names, "run_program", lambda given, seconds, **rest: real([given[0], "-c", code], seconds, **rest)
    )


def test_probe_process_is_believed_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backends print what they like when they are imported."""
    probe_as(monkeypatch, """print('hello'); print('{"found": ["cpu"], "refused": {"x": "no"}}')""")
    assert device_names.probe_devices(["x"]) == (["cpu"], {"x": "no"})


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise ImportError('libcudart.so.12')", "torch does not come up in a probe process: ImportError: libcudart"),
        ("import os; os.abort()", "torch does not come up in a probe process: it said nothing"),
        ("print('hello')", "no probe process answers"),
        ("pass", "no probe process answers"),
    ],
    ids=["raises", "aborts", "talks", "silent"],
)
def test_probe_process_that_breaks_is_a_sentence(code: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be measured, and the reason is in one line."""
    probe_as(monkeypatch, code)
    with pytest.raises(SetupError, match=sentence):
        device_names.probe_devices([])


@pytest.mark.parametrize(
    ("devices", "required", "expected"),
    [
        (("cpu",), (), False),
        (("cpu", "cuda:3", "vulkan"), (), False),
        (("cpu",), ("cuda",), False),
        (("auto",), (), True),
        (("all",), (), True),
        (("npu",), (), True),
        (("cpu",), ("npu",), True),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else "",
)
def test_probe_process_is_asked_only_where_names_do_not_say(
    devices: tuple[str, ...], required: tuple[str, ...], *, expected: bool
) -> None:
    """Named devices are collected in half a second, without torch."""
    assert needs_probe(made_request(devices=devices, required=required)) == expected


FOUND = """print('{"found": ["cpu", "cuda", "cuda:1"], "refused": {"npu": "npu is not usable here"}}')"""


@pytest.mark.parametrize(
    ("devices", "expected"),
    [(("auto",), ["cpu", "cuda"]), (("all",), ["cpu", "cuda", "cuda:1"]), (("cpu", "xpu"), ("cpu", "xpu"))],
    ids=["auto", "all", "named"],
)
def test_two_words_stand_for_what_is_there(
    devices: tuple[str, ...], expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU and the current accelerator, or every one; a known name is taken as it is."""
    probe_as(monkeypatch, FOUND)
    assert named_devices(made_request(devices=devices)) == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"devices": ("npu",)}, "--device: npu is not usable here; found here: cpu, cuda, cuda:1"),
        ({"required": ("cuda",)}, "--require-device cuda: this run is for cpu; see --device"),
    ],
    ids=["strange", "required"],
)
def test_device_that_cannot_be_planned_for_is_a_usage_error(
    changes: dict[str, tuple[str, ...]], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo must not become a table of skipped cases."""
    probe_as(monkeypatch, FOUND)
    with pytest.raises(pytest.UsageError, match=f"^{sentence}$"):
        named_devices(made_request(**changes))


@pytest.mark.parametrize(
    ("device", "required", "expected"),
    [("cuda", "cuda", True), ("cuda:1", "cuda", True), ("cuda", "cuda:1", False), ("cpu", "cuda", False)],
)
def test_device_meets_what_is_required(device: str, required: str, *, expected: bool) -> None:
    """On a machine with several cards each of them is one."""
    assert meets(device, required) is expected
