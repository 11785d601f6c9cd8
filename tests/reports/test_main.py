"""The command line: one line and exit code 2 for whatever cannot be used, and never torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import reports
from bench.files.parse_json import SECTION
from bench.files.run import make_run_section
from reports.__main__ import BROKEN_PIPE, main
from reports.run import write
from reports.run.plots import PLOTS
from reports.run.tables import TABLES
from reports.run.write import out_folder, write_reports
from tests.makers.contenders import on_card, on_cpu, run_on, stored
from tests.makers.gates import CASES, made_gate, stored_gate
from tests.makers.runs import TWO, made_run, matrix, measured, realistic_run, slices

ROOT = Path(reports.__file__).parent.parent
RUN = realistic_run(cases=matrix(compiles=("off", "on")), launches=2, sets=3)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Return a result file."""
    path = tmp_path / "out.json"
    path.write_text(json.dumps({SECTION: make_run_section(RUN)}))
    return path


def test_table_prints_all_tables(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that a user types."""
    assert main(["table", str(result)]) == 0
    said = capsys.readouterr()
    assert all(title in said.out for title in ("Summary", "Speed-up over float32 eager", "Compiling", "Not measured"))
    assert said.err == ""


def test_table_takes_name_format_and_reference(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option changes what is printed."""
    arguments = ["--table", "speedup", "--format", "markdown", "--reference", "dtype=bfloat16"]
    assert main(["table", str(result), *arguments]) == 0
    assert capsys.readouterr().out.startswith("## Speed-up over bfloat16 eager")
    assert main(["table", str(result), "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("case,model,step,batch")


def test_table_writes_one_file_for_each(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their paths are printed, for the next command."""
    folder = tmp_path / "new" / "folder"
    assert main(["table", str(result), "--out", str(folder), "--format", "csv"]) == 0
    assert capsys.readouterr().out.split() == [str(folder / f"{name}.csv") for name in TABLES]


def test_plot_and_write_go_to_the_folder_of_the_file(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out it is reports/out/<stem>."""
    assert out_folder(result) == ROOT / "reports" / "out" / "out"
    monkeypatch.setattr(write, "OUT", tmp_path / "generated")
    assert main(["plot", str(result), "--plot", "latency"]) == 0
    folder = tmp_path / "generated" / "out"
    assert capsys.readouterr().out.split() == [str(folder / "latency.svg"), str(folder / "latency.png")]
    assert main(["write", str(result)]) == 0
    asked_for = {"operators", "modules", "layers", "compile_account", "payoff", "ranks"}
    expected = {f"{name}{suffix}" for name in TABLES.keys() - asked_for for suffix in (".csv", ".md")}
    expected |= {f"{name}{suffix}" for name in PLOTS.keys() - asked_for for suffix in (".svg", ".png")}
    expected.add("report.html")
    assert {path.name for path in folder.iterdir()} == expected
    assert len(capsys.readouterr().out.split()) == len(expected)


def test_picture_with_nothing_to_draw_is_said_and_its_old_file_removed(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old picture beside new tables would be believed."""
    stale = tmp_path / "latency.png"
    stale.write_bytes(b"old")
    result.write_text(json.dumps({SECTION: make_run_section(made_run(TWO, []))}))
    assert main(["plot", str(result), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "not drawn: latency: no case was measured" in said.err
    assert not stale.exists()


def test_quick_run_writes_tables_and_a_page_only(tmp_path: Path) -> None:
    """It has nothing to draw."""
    run = made_run(TWO, [measured(case, 1, slices([1.0])) for case in TWO], quick=True)
    assert {path.suffix for path in write_reports(run, tmp_path)} == {".csv", ".md", ".html"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["chart", "FILE"], "invalid choice: 'chart'"),
        (["table"], "the following arguments are required: FILE"),
        (["table", "FILE", "--table", "nope"], "invalid choice: 'nope'"),
        (["table", "FILE", "--format", "xml"], "argument --format"),
        (["table", "FILE", "--format", "csv", "--table", "all"], "prints one table: name it with --table"),
        (["table", "FILE", "--reference", "dtype=int8"], "unknown dtype 'int8'; known: float32"),
        (["table", "FILE", "--reference", "batch=1"], "expected each of dtype, compile"),
        (["plot", "FILE", "--plot", "pie"], "unknown plot 'pie'; known: throughput"),
        (["plot", "FILE", "--out", "FILE/below"], "name another place"),
        (["table", "FILE", "--out", "FILE"], "name another place"),
        (["table", "missing\x1b.json"], "No such file"),
        (["table", "TORN"], "not JSON"),
        (["table", "FOREIGN"], "made by pytest-benchmark alone"),
        (["table", "NEWER"], "schema 99"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where and what to do; no traceback, and nothing for a script to parse by accident."""
    contents = {"TORN": '{"a": ', "FOREIGN": '{"benchmarks": []}', "NEWER": json.dumps({SECTION: {"schema": 99}})}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    names = {name: str(tmp_path / name) for name in contents} | {"FILE": str(result)}
    places = [names.get(one, one.replace("FILE/", f"{result}/")) for one in arguments]
    assert main(places) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """And it shows examples."""
    assert main(["--help"]) == 0
    assert "examples:" in capsys.readouterr().out


def python(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_tables_import_neither_torch_nor_matplotlib_nor_scipy(result: Path) -> None:
    """They are made on a laptop without torch, in under 1.5 s."""
    code = (
        "import sys, reports.__main__ as m; code = m.main(sys.argv[1:]);"
        "heavy = {'torch', 'matplotlib', 'scipy'} & set(sys.modules); sys.exit(str(heavy) if heavy else code)"
    )
    done = python("-c", code, "table", str(result))
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_reports_is_free() -> None:
    """A plugin that imports it pays for pandas only when it makes a report."""
    done = python(
        "-c", "import sys, reports; sys.exit(str(heavy) if (heavy := {'pandas', 'torch'} & set(sys.modules)) else 0)"
    )
    assert done.returncode == 0


def test_pictures_import_no_torch(result: Path, tmp_path: Path) -> None:
    """Neither do they."""
    code = "import sys, reports.__main__ as m; sys.exit(m.main(sys.argv[1:]) or 'torch' in sys.modules)"
    assert python("-c", code, "plot", str(result), "--out", str(tmp_path), "--plot", "latency").returncode == 0


def test_reader_that_leaves_early_is_no_error(result: Path) -> None:
    """``python -m reports table out.json | head`` prints no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reports", "table", str(result)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == BROKEN_PIPE
    assert said == b""


@pytest.mark.parametrize(
    ("flags", "variables"), [(["-P"], {}), ([], {"PYTHONSAFEPATH": "1"})], ids=["flag", "variable"]
)
def test_reports_are_found_where_python_leaves_the_folder_out(
    result: Path, flags: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python itself finds the program or does not; what README says to write before the command has it found."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", ".")
    done = python(*flags, "-m", "reports", "table", str(result), "--table", "summary")
    assert (done.returncode, done.stderr) == (0, "")
    assert "`PYTHONPATH=.`" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_full_disk_is_one_line(result: Path) -> None:
    """A report that is cut off must not exit 0."""
    with Path("/dev/full").open("w") as full:
        done = python("-m", "reports", "table", str(result), stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr == (
        "python -m reports: standard output: No space left on device; name another place with --out, or free this one\n"
    )


def test_run_that_is_given_twice_is_not_compared_with_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing would differ, and the answer would look like a finding."""
    path = tmp_path / "a.json"
    path.write_text("{}")
    assert main(["gate", str(path), str(tmp_path / "." / "a.json")]) == 2
    assert "given twice; name base's run and head's" in capsys.readouterr().err


REQUIREMENTS = (ROOT / "reports" / "requirements.txt").read_text().splitlines()


def test_requirements_of_a_reader_are_the_projects_own() -> None:
    """One list of versions: the short one says no other thing than the long one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    named = [line for line in REQUIREMENTS if line and not line.startswith("#")]
    assert named
    assert set(named) <= set(project)


def test_reading_takes_nothing_but_its_requirements(result: Path, tmp_path: Path) -> None:
    """No torch, no pytest, no psutil: a laptop reads what a server measured."""
    absent = "torch torchvision pytest pytest_benchmark psutil scipy hypothesis"
    arguments = ["write", str(result), "--out", str(tmp_path / "out")]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent.split()!r}))\n"
        f"from reports.__main__ import main; sys.exit(main({arguments!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").glob("*.csv"))


def test_page_is_of_whatever_a_file_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run, a gate, or several runs side by side."""
    run = stored(run_on("cpu", on_cpu), tmp_path / "run.json")
    other = stored(run_on("cuda", on_card), tmp_path / "other.json")
    (tmp_path / "gate").mkdir()
    gate = stored_gate(tmp_path / "gate", made_gate())
    for files, title in (((run,), "mlp on cpu"), ((gate,), "against main"), ((run, other), "run, other")):
        assert main(["page", *map(str, files), "--out", str(tmp_path / "out")]) == 0
        (path,) = capsys.readouterr().out.split()
        assert title in Path(path).read_text()


def test_page_of_what_is_no_result_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is written."""
    (tmp_path / "odd.json").write_text("{}")
    assert main(["page", str(tmp_path / "odd.json"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_page_of_a_damaged_gate_says_what_is_wrong_with_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not that it is no run."""
    path = stored_gate(tmp_path, made_gate())
    path.write_text(path.read_text().replace('"floors"', '"ceilings"', 1))
    assert main(["page", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "arms and floors must be objects" in capsys.readouterr().err


def test_gate_is_written_as_a_run_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer in every form, its pictures and its page."""
    path = stored_gate(tmp_path, made_gate(slower={CASES[0]: 0.06}))
    assert main(["write", str(path), "--out", str(tmp_path / "page")]) == 0
    written = {Path(line).name for line in capsys.readouterr().out.splitlines()}
    assert {"gate.txt", "gate.md", "gate.csv", "forest.png", "report.html"} <= written
    assert main(["write", str(tmp_path / "missing.json")]) == 2
