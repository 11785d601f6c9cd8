"""Everything that is wrong with a command line is found before anything is timed, in a process without torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.host.folders import ROOT
from bench.plugin import threads
from bench.plugin.foreign_options import REFUSED, REPEATERS, refuse_foreign
from bench.plugin.options import add_options, read_request
from bench.request import GateQuestion, PlanQuestion, Request, RunQuestion
from models import dataset
from tests.makers.requests import GATE

SUITE = str(ROOT / "bench")
Read = Callable[..., Request]


@pytest.fixture
def read(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Parses a command line of ``pytest bench`` as pytest itself does, and reads our part of it."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return lambda *arguments: read_request(pytester.parseconfig(SUITE, *arguments))


def pytest_bench(*arguments: str, first: Sequence[str] = (), **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``pytest bench`` on the real checkout."""
    command = [sys.executable, "-m", "pytest", *first, "bench", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | variables
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)


def test_defaults_are_the_main_job(read: Read) -> None:
    """``pytest bench`` alone: one network, forward and backward, three batches, compile off and on."""
    request = read()
    assert ([spec.text for spec in request.models], request.steps, request.batches) == (
        ["mlp"],
        ("forward", "backward"),
        (1, 64, 1024),
    )
    assert (request.devices, request.compiles) == (("auto",), ("off", "on"))
    assert request.dtypes_for("cpu") == ("float32", "bfloat16")
    assert request.dtypes_for("cuda") == ("float32", "bfloat16", "float16")
    assert request.data == "auto"
    assert (request.settings.launches, request.settings.quick, request.settings.budget_seconds) == (8, False, None)


def test_step_of_the_users_own_is_found_from_where_pytest_was_called(read: Read, pytester: pytest.Pytester) -> None:
    """Its file must be there; what is in it, only a worker finds out."""
    pytester.makepyfile(steps="")
    request = read("--step", "forward,steps.py:mine")
    assert request.steps == ("forward", "mine")
    assert [spec.target for spec in request.own_steps] == [f"{pytester.path / 'steps.py'}:mine"]
    with pytest.raises(pytest.UsageError, match=r"--step gone\.py:mine: there is no file .*gone\.py"):
        read("--step", "gone.py:mine")


def test_comma_lists_name_the_matrix(read: Read) -> None:
    """Spaces and repetitions are forgiven, the order is kept."""
    request = read(
        "--batch", "64, 1,64", "--dtype=float16,float64", "--device", "cpu,cuda:1", "--compile", "backend:x,on"
    )
    assert request.batches == (64, 1)
    assert request.dtypes_for("cpu") == request.dtypes_for("cuda") == ("float16", "float64")
    assert request.devices == ("cpu", "cuda:1")
    assert request.compiles == ("backend:x", "on")
    assert read("--layout", "channels_last,contiguous").layouts == ("channels_last", "contiguous")


def test_threads_are_those_of_the_cpu(read: Read) -> None:
    """An accelerator beside it has its cases once; one alone is told that the option does nothing."""
    assert read("--threads", "1").threads_for("cpu") == (1,)
    assert read("--threads", "1", "--device", "cpu,cuda").threads_for("cuda") == (None,)
    assert read().threads_for("cpu") == (None,)
    with pytest.raises(pytest.UsageError, match="--threads: no CPU is measured"):
        read("--threads", "1", "--device", "cuda")


def test_threads_beyond_the_cores_are_a_usage_error(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take turns on a core; a core that this process may not use is none."""
    monkeypatch.setattr(threads, "count_cores", lambda: 3)
    assert read("--threads", "3,1").threads == (3, 1)
    sentence = "--threads: 4 is more than the cores that this process may run on, which are 3"
    with pytest.raises(pytest.UsageError, match=sentence):
        read("--threads", "3,4")
    with pytest.raises(pytest.UsageError, match="--arm: 4 is more than the cores"):
        read("--arm", "head=threads=4")


def test_batch_that_is_written_in_two_ways_is_one_case(read: Read) -> None:
    """Otherwise its test and its figures stand there twice."""
    assert read("--batch", "1,01").batches == (1,)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "resnet"], "--model: unknown model 'resnet'; known: mlp, mlp-wide, gpt"),
        (["--step", "forward,sideways"], "--step: unknown step 'sideways'; known: forward, backward, train"),
        (["--dtype", "float8"], "--dtype: unknown dtype 'float8'; known: float32, bfloat16, .*amp-float16"),
        (["--compile", "fast"], "--compile: unknown compile 'fast'; known: off, on, .*backend:NAME"),
        (["--compile", "backend:"], "--compile: unknown compile 'backend:'"),
        (["--device", "Cuda"], "--device: unknown device 'Cuda'; known: cpu, cuda, .*auto, all"),
        (["--device", "cuda:"], "--device: unknown device 'cuda:'"),
        (["--require-device", "../x"], "--require-device: unknown device '../x'"),
        (["--unsteady", "noise"], "--unsteady: unknown unsteady 'noise'; known: bound-threads, .*interleaved"),
        (["--device", "auto,cpu"], "--device auto and all stand alone"),
        (["--device", "cpu,all"], "--device auto and all stand alone"),
        (["--batch", "0"], "--batch: '0' is not a whole number of at least 1"),
        (["--batch", "-1"], "--batch: '-1' is not a whole number"),
        (["--batch", "1.5"], "--batch: '1.5' is not a whole number"),
        (["--batch", "1" * 5000], "--batch: .* is not a whole number"),
        (["--batch", ""], "--batch is empty"),
        (["--model", ","], "--model is empty"),
        (["--launches", "0"], "--launches: '0' is not a whole number of at least 1"),
        (["--launches", "many"], "--launches: 'many' is not a whole number"),
        (["--seed", "-1"], "--seed: '-1' is not a whole number of at least 0"),
        (["--budget", "soon"], "--budget: 'soon' is not a length of time such as 90s"),
        (["--budget", "0s"], "--budget: '0s' is not a length of time"),
        (["--budget=-5m"], "--budget: '-5m' is not a length of time"),
        (["--budget", "5 days"], "--budget: '5 days' is not a length of time"),
        (["--budget", "9" * 400], "--budget: .* is not a length of time"),
        (["--case-timeout", ""], "--case-timeout: '' is not a length of time"),
        (["--case-timeout", "1e3"], "--case-timeout: '1e3' is not a length of time"),
        (["--case-timeout", "nan"], "--case-timeout: 'nan' is not a length of time"),
        (["--benchmark-max-time", "nan"], "--benchmark-max-time"),
        (["--benchmark-max-time", "inf"], "--benchmark-max-time"),
        (["--benchmark-max-time", "-1"], "--benchmark-max-time"),
        (["--layout", "nhwc"], "--layout: unknown layout 'nhwc'; known: contiguous, channels_last"),
        (["--layout", ","], "--layout is empty"),
        (["--threads", "0"], "--threads: '0' is not a whole number of at least 1"),
        (["--threads", "two"], "--threads: 'two' is not a whole number"),
        (["--threads", ""], "--threads is empty"),
        (["--data", "random", "--download"], "--download with --data random"),
        (["--retry"], "--retry goes with --resume"),
        (["--resume"], "--resume: name the run with --benchmark-json"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_wrong_value_is_a_usage_error_that_says_what_is_known(read: Read, arguments: list[str], sentence: str) -> None:
    """What, where and what to do, in one line."""
    with pytest.raises(pytest.UsageError, match=sentence) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("10 m", 600.0), (" 1h ", 3600.0)]
)
def test_length_of_time_is_read_as_people_write_it(read: Read, text: str, seconds: float) -> None:
    """Seconds inside."""
    settings = read("--budget", text, "--case-timeout", text).settings
    assert settings.budget_seconds == settings.timeout_seconds == seconds


@pytest.mark.parametrize("option", REFUSED)
@pytest.mark.parametrize("way", ["argument", "with-value", "PYTEST_ADDOPTS", "ini"])
def test_option_without_a_meaning_here_is_refused_by_name(
    option: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silently ignored, it would be believed to have worked; the sentence says what there is instead."""
    arguments = {"argument": [option], "with-value": [f"{option}=1"]}.get(way, [])
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-q {option}=1" if way == "PYTEST_ADDOPTS" else "")
    config = a_config(arguments=arguments, addopts=[f"{option}=1"] if way == "ini" else [])
    with pytest.raises(pytest.UsageError, match=f"^{option} has no meaning here: .") as caught:
        refuse_foreign(config)
    assert REFUSED[option] in str(caught.value)


def a_config(*, arguments: Sequence[str] = (), addopts: Sequence[str] = (), **values: object) -> Any:
    """Return what `refuse_foreign` asks a pytest.Config, which only another plugin could make real."""
    return SimpleNamespace(
        rootpath=ROOT,
        option=SimpleNamespace(rootdir=None, inifilename=None),
        pluginmanager=SimpleNamespace(hasplugin=lambda name: name == "benchmark"),
        getoption=lambda name, default=None: {"benchmark_group_by": "group", **values}.get(name, default),
        getini={"addopts": addopts}.__getitem__,
        invocation_params=SimpleNamespace(args=arguments),
    )


def test_images_are_looked_for_where_a_model_is_fed_them(read: Read) -> None:
    """Neither a decoder nor a network of torchvision is."""
    assert read().fed_images
    assert read("--model", "gpt,mlp").fed_images
    assert not read("--model", "gpt,torchvision:resnet18").fed_images


@pytest.mark.parametrize("values", [{"numprocesses": 2}, {"numprocesses": "auto"}, {"dist": "load"}], ids=str)
def test_xdist_is_refused(values: dict[str, object]) -> None:
    """Its workers would disturb each other, and pytest-benchmark disables itself there."""
    with pytest.raises(pytest.UsageError, match="under xdist the workers would disturb each other: leave out -n"):
        refuse_foreign(a_config(**values))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"count": 2}, "--count (pytest-repeat) runs a test another number of times"),
        ({"parallel_threads": "2"}, "--parallel-threads (pytest-run-parallel) runs a test another"),
        ({"iterations": 3}, "--iterations (pytest-run-parallel) runs a test another"),
        ({"forever": True}, "--forever (pytest-run-parallel) runs a test another"),
        ({"reruns": 2}, "--reruns (pytest-rerunfailures) runs a test another"),
        ({"forked": True}, "--forked (pytest-forked) runs a test elsewhere"),
        ({"looponfail": True}, "-f (pytest-xdist) runs a test elsewhere"),
        ({"codspeed": True}, "--codspeed (pytest-codspeed) replaces the fixture"),
        ({"benchmark_compare_fail": ["min:5%"]}, "--benchmark-compare-fail goes with --benchmark-compare"),
        ({"benchmark_histogram": "x"}, "--benchmark-histogram draws with pygal, which is not installed"),
        ({"benchmark_storage": "elasticsearch+http://x"}, "--benchmark-storage: elasticsearch is not installed"),
    ],
    ids=str,
)
def test_what_would_spoil_the_replay_is_refused_before_measuring(values: dict[str, object], sentence: str) -> None:
    """After it, an empty result or a traceback would be all there is."""
    with pytest.raises(pytest.UsageError, match=f"^{re.escape(sentence)}"):
        refuse_foreign(a_config(**values))


@pytest.mark.parametrize("name", REPEATERS)
@pytest.mark.parametrize("value", [None, 0, 1, "1", False], ids=str)
def test_plugin_that_is_merely_installed_is_not_refused(name: str, value: object) -> None:
    """Its options have their defaults."""
    refuse_foreign(a_config(**{name: value}))


def test_one_processor_is_one_device(read: Read) -> None:
    """``cpu:0`` and ``cpu:1`` are names of it."""
    assert read("--device", "cpu:0,cpu,cpu:1").devices == ("cpu",)


def test_ordinary_command_line_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one with pytest-benchmark's other options, nor xdist that is installed and idle."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-q --benchmark-columns=median")
    arguments = ["bench", "--benchmark-json=out.json", "--benchmark-group-by=param:dtype", "-k", "cpu"]
    refuse_foreign(a_config(arguments=arguments, dist="no", numprocesses=None))


def test_every_refused_option_exists() -> None:
    """A renamed one would be ignored again."""
    text = pytest_bench("--help").stdout
    assert [option for option in REFUSED if option not in text] == []


def test_quick_is_what_disabled_benchmarks_mean(read: Read) -> None:
    """--benchmark-disable is pytest-benchmark's word for it."""
    assert read("--quick").settings.quick
    assert read("--benchmark-disable").settings.quick
    assert not read("--benchmark-disable", "--benchmark-enable").settings.quick


def test_pytest_benchmarks_limits_are_the_budget_of_a_case(read: Read) -> None:
    """-max-time and -min-rounds keep their meaning."""
    settings = read("--benchmark-max-time", "0.25", "--benchmark-min-rounds", "40").settings
    assert (settings.case_seconds, settings.min_slices) == (0.25, 40)


def test_missing_images_are_a_usage_error_with_three_ways_to_get_them(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is timed; --data auto takes random images instead."""
    monkeypatch.setattr(dataset, "DEBIAN", tmp_path / "debian")
    with pytest.raises(pytest.UsageError, match=r"--download.*--data-root.*dataset-fashion-mnist"):
        read("--data", "fashion-mnist", "--data-root", str(tmp_path))
    assert read("--data-root", str(tmp_path)).data_root == tmp_path
    assert read("--data", "fashion-mnist", "--data-root", str(tmp_path), "--download").download


def test_help_names_every_option() -> None:
    """With its default and the known values."""
    done = pytest_bench("--help")
    assert done.returncode == 0, done.stderr
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    names = [name for group in parser._groups for option in group.options for name in option.names()]
    assert len(names) > 15
    assert [name for name in names if name not in done.stdout] == []
    assert "max-autotune" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--step", "sideways"], "unknown step 'sideways'; known: forward, backward, train"),
        (["-p", "no:benchmark"], "pytest-benchmark records the results of this suite: leave out -p no:benchmark"),
        (["--benchmark-warmup=on"], "--benchmark-warmup has no meaning here"),
        (["--device", "npu", "--collect-only"], "npu is not usable here: .*; found here: cpu"),
        (["--device", "cpu", "--benchmark-json", "{file}/test-options.json"], "cannot write there"),
        (["--device", "cpu", "--benchmark-json", "{absent}/test-options.json"], "cannot write there|No such file"),
        (
            ["--device", "cpu", "--benchmark-json", "{folder}/test-options"],
            "is a folder|not a file|Is a directory|directory",
        ),
        (["--device", "cpu", "--benchmark-json", "{folder}/test-options.jsonl"], "use .json"),
    ],
    ids=["unknown", "no-benchmark", "refused", "strange-device", "unwritable", "absent", "folder", "jsonl"],
)
def test_usage_error_is_exit_code_4_and_one_line(
    arguments: list[str], sentence: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Found before anything is timed, without a traceback and without a file."""
    (tmp_path / "file").touch()
    (tmp_path / "test-options").mkdir()
    request.addfinalizer(remove_reports)
    places = {"file": tmp_path / "file", "absent": tmp_path / "absent", "folder": tmp_path}
    before = sorted(tmp_path.rglob("*"))
    done = pytest_bench(*(argument.format(**places) for argument in arguments))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert re.search(f"^(ERROR|error|.*error): .*({sentence})", done.stderr, flags=re.MULTILINE), done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def remove_reports() -> None:
    """Remove what a refused run made beside the program to see whether it could write there."""
    for folder in (ROOT / "reports" / "out").glob("test-options*"):
        shutil.rmtree(folder)


COLLECT = """
import sys
import pytest

code = pytest.main(sys.argv[1:])
print(code, sorted({"torch", "torchvision", "numpy", "pandas"} & set(sys.modules)))
"""


def test_collecting_named_devices_imports_nothing_heavy() -> None:
    """Under a second, where torch alone takes three; the default matrix is there."""
    arguments = ["bench", "--collect-only", "-q", "--device", "cpu", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == "0 []"
    assert len([line for line in lines if "::test_steps[mlp-" in line]) == 2 * 3 * 2 * 2


def test_options_hold_what_they_say(read: Read) -> None:
    """Each switch reaches its field."""
    request = read("--unsteady", "no-gc,interleaved", "--require-device", "cpu", "--seed", "7", "--launches=3")
    assert request.unsteady == ("no-gc", "interleaved")
    assert request.required == ("cpu",)
    assert (request.settings.seed, request.settings.launches) == (7, 3)


@pytest.mark.parametrize("label", ["dtype", "param:dtpye", "group,"])
def test_grouping_that_pytest_benchmark_would_break_on_is_refused(label: str) -> None:
    """It looks only after the run, when everything has been measured."""
    with pytest.raises(pytest.UsageError, match="--benchmark-group-by: unknown label"):
        refuse_foreign(a_config(benchmark_group_by=label))
    refuse_foreign(a_config(benchmark_group_by="param:dtype,group"))


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        ([], RunQuestion(resume=False, retry=False)),
        (["--resume", "--retry", "--benchmark-json", "out.json"], RunQuestion(resume=True, retry=True)),
        (["--operators"], RunQuestion(resume=False, retry=False, operators=True)),
        (["--compile-account"], RunQuestion(resume=False, retry=False, compiling=True)),
        (["--layers"], RunQuestion(resume=False, retry=False, layers=True)),
        (["--trace-dir", "t"], RunQuestion(resume=False, retry=False, operators=True, traces=Path("t"))),
        (["--plan"], PlanQuestion(gate=None)),
        (["--plan", "--resume", "--benchmark-json", "out.json"], PlanQuestion(gate=None)),
        (["--plan", "--against", "main"], PlanQuestion(gate=GATE)),
    ],
    ids=lambda value: " ".join(value) or "default" if isinstance(value, list) else "",
)
def test_command_line_asks_one_question(read: Read, arguments: list[str], question: PlanQuestion | RunQuestion) -> None:
    """A session plans, runs or gates, and never two of them."""
    assert read(*arguments).question == question


def test_pilot_chooses_the_budget_unless_one_is_named(read: Read) -> None:
    """What is to be seen says how long it takes, within half an hour and the looks that can find anything."""
    chosen = read("--against", "main", "--detect", "2%")
    assert isinstance(chosen.question, GateQuestion)
    assert (chosen.question.detect, chosen.question.by_scatter) == (0.02, True)
    assert (chosen.settings.budget_seconds, chosen.settings.launches) == (1800.0, 210)
    named = read("--against", "main", "--detect", "0.02", "--budget", "5m")
    assert isinstance(named.question, GateQuestion)
    assert (named.question.detect, named.question.by_scatter) == (0.02, False)
    assert (named.settings.budget_seconds, named.settings.launches) == (300.0, 60)
    assert read("--against", "main", "--detect", "2 %", "--launches", "40").settings.launches == 40


@pytest.mark.parametrize("share", ["2", "0", "100%", "two", "-1%", "", "0%", "1e-2"])
def test_what_is_to_be_seen_is_a_share(share: str, read: Read) -> None:
    """Two percent are not 2."""
    with pytest.raises(pytest.UsageError, match=r"--detect: .* is not a share between 0 and 1, such as 2% or 0\.02"):
        read("--against", "main", f"--detect={share}")


def test_gate_has_defaults_of_its_own(read: Read) -> None:
    """Five minutes, at most sixty blocks of short slices, and nothing compiled."""
    request = read("--against", "main", "--strict-gate")
    assert isinstance(request.question, GateQuestion)
    assert (request.question.strict, request.question.exhaust) == (True, False)
    settings = request.settings
    assert (settings.budget_seconds, settings.launches, settings.slice_seconds) == (300.0, 60, 0.006)
    assert request.compiles == ("off",)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--operators", "--quick"), "--operators with --quick: a quick pass is not about time"),
        (("--trace-dir", "t", "--quick"), "--operators with --quick"),
        (("--compile-account", "--quick"), "--compile-account with --quick: a quick pass is not about time"),
        (("--layers", "--quick"), "--layers with --quick: a quick pass is not about time"),
        (("--operators", "--against", "main"), "--operators with --against: a gate profiles the cases that changed"),
        (("--explain",), "--explain goes with --against or --arm"),
    ],
    ids=" ".join,
)
def test_profile_that_nobody_would_take_is_refused(read: Read, arguments: tuple[str, ...], sentence: str) -> None:
    """It would be ignored in silence."""
    with pytest.raises(pytest.UsageError, match=sentence):
        read(*arguments)


def test_gate_is_told_what_to_profile(read: Read) -> None:
    """Those that changed, unless all are asked for."""
    request = read("--against", "main", "--explain", "--trace-dir", "t")
    assert isinstance(request.question, GateQuestion)
    assert (request.question.explain, request.question.traces) == (True, Path("t"))


@pytest.mark.parametrize("gate", [(), ("--against", "main")], ids=["run", "gate"])
def test_retry_without_resume_is_refused_whatever_is_asked(read: Read, gate: tuple[str, ...]) -> None:
    """It would be ignored in silence."""
    with pytest.raises(pytest.UsageError, match="--retry goes with --resume"):
        read("--retry", *gate)


def test_path_with_an_equals_sign_is_not_looked_into(tmp_path: Path) -> None:
    """Pytest takes no other form for an option's value before it knows our options."""
    (tmp_path / "conftest.py").write_text("raise AssertionError('a folder that is compared was taken for tests')\n")
    assert pytest_bench("--collect-only", "--device=cpu", f"--against={tmp_path}").returncode == 0


@pytest.mark.parametrize("option", ["--against", "--data-root", "--benchmark-json", "--reports"])
def test_path_before_the_suite_is_no_folder_of_tests(option: str, tmp_path: Path) -> None:
    """Pytest would take another project's settings; with an equals sign, or behind, the same command works."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-q'\n")
    before = pytest_bench("--collect-only", first=(option, str(other)))
    assert before.returncode == 4
    assert before.stderr.strip().splitlines()[-1].startswith(f"ERROR: pytest took its settings from {other}")
    assert "with an equals sign, as in --against=FOLDER" in before.stderr
    value = str(other / "out.json") if option == "--benchmark-json" else str(other)
    for first, arguments in (((f"{option}={value}",), ()), ((), (option, value))):
        assert pytest_bench("--collect-only", "--device=cpu", *arguments, first=first).returncode == 0


def test_settings_that_are_asked_for_are_taken(tmp_path: Path) -> None:
    """``-c`` and ``--rootdir`` say so themselves; what the project tolerates is still the checkout's own."""
    (tmp_path / "other.ini").write_text("[pytest]\n")
    assert pytest_bench("--collect-only", "--device=cpu", f"--rootdir={tmp_path}").returncode == 0
    assert pytest_bench("--collect-only", "--device=cpu", "-c", str(tmp_path / "other.ini")).returncode == 0


def test_axis_that_both_arms_name_has_one_value(read: Read) -> None:
    """Every value of it would be the same comparison again."""
    arms = ("--arm", "base=dtype=float32", "--arm", "head=dtype=bfloat16")
    assert read(*arms).dtypes == ("float32",)
    assert read("--arm", "base=compile=off", "--arm", "head=compile=on").compiles == ("off",)
    assert read("--arm", "head=dtype=bfloat16").dtypes is None
    assert read("--arm", "base=threads=1", "--arm", "head=threads=1").threads == (1,)
    layouts = read("--arm", "base=layout=contiguous", "--arm", "head=layout=channels_last").layouts
    assert layouts == ("contiguous",)
    with pytest.raises(pytest.UsageError, match="--dtype float64: both arms name theirs, float32 and bfloat16"):
        read(*arms, "--dtype", "float64")


@pytest.mark.parametrize(
    "option",
    ["project", "src", "reports", "data-root", "compile", "layout", "budget", "launches", "unsteady", "require-device"],
)
def test_empty_value_is_neither_the_default_nor_the_current_folder(option: str, read: Read) -> None:
    """``--require-device="$DEVICE"`` with nothing in the variable required nothing, and nobody was told."""
    with pytest.raises(pytest.UsageError, match=f"argument --{option}: it is empty; leave it out for the default"):
        read(f"--{option}=")
