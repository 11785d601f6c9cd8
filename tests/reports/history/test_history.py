"""A history is only added to; a trend steps where it was planted, and begins again where the environment changed."""

from __future__ import annotations

import errno
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("ruptures")

from bench.record.conditions import Environment, Scalar
from bench.record.run import Run
from reports.__main__ import main
from reports.history.dataset import Dataset
from reports.history.entries import Judged, enter_gate, enter_run
from reports.history.page import render
from reports.history.steps import find_steps
from reports.history.text import CAVEAT, describe_changes, render_history
from reports.history.trend_picture import FOOT, HEIGHT, MOST_COLUMNS, compare_points, draw_trend
from reports.history.trends import Trend, list_trends
from reports.show.command import OptionError
from reports.show.table import TERMINAL
from tests.makers.contenders import stored
from tests.makers.gates import CASES, made_gate, stored_gate
from tests.makers.runs import FACTS, TWO, steady_run

FIRST = datetime(2030, 1, 1, tzinfo=UTC)


def run_at(number: int, seconds: float = 1e-3, facts: Mapping[str, Scalar] | None = None) -> Run:
    """Return a run on a certain day, in which every iteration took as long."""
    about = {
        **FACTS,
        "run.started": (FIRST + timedelta(days=number)).isoformat(),
        "commit.id": f"{number:08d}" + 32 * "a",
        **(facts or {}),
    }
    return replace(steady_run(lambda *_: [seconds]), environment=Environment(facts=about), source="out.json")


def history_of(folder: object, runs: Sequence[Run]) -> Dataset:
    """Return a history of runs."""
    dataset = Dataset.open(str(folder))
    for run in runs:
        assert dataset.add(enter_run(run))
    return dataset


def noisy(count: int, *, step: int | None = None, size: float = 0.0, seed: int = 1) -> list[float]:
    """Return seconds that scatter by 1 %, longer from a place on."""
    logs = np.random.default_rng(seed).normal(0, 0.01, count)
    if step is not None:
        logs[step:] += np.log1p(size)
    return [float(value) for value in 1e-3 * np.exp(logs)]


def test_what_was_added_is_read_back_in_order_of_time(tmp_path: Path) -> None:
    """Whatever the order in which it was added; figures and facts survive."""
    history = history_of(tmp_path / "history", [run_at(2, 3e-3), run_at(0, 1e-3), run_at(1, 2e-3)])
    entries, trends = list_trends(history)
    assert list(entries["began"]) == [FIRST + timedelta(days=day) for day in range(3)]
    assert [trend.case for trend in trends] == [case.id for case in TWO]
    assert list(trends[0].seconds) == pytest.approx([1e-3, 2e-3, 3e-3])
    assert trends[0].commits[2] == "00000002" + 32 * "a"
    assert (trends[0].since_previous, trends[0].since_first) == (pytest.approx(0.5), pytest.approx(2.0))


def test_nothing_is_written_twice(tmp_path: Path) -> None:
    """The same file again is there already, and the one of before is untouched."""
    history = history_of(tmp_path, [run_at(0)])
    (file,) = tmp_path.glob("*.parquet")
    before = file.stat().st_mtime_ns
    assert not history.add(enter_run(run_at(0)))
    assert history.add(enter_run(run_at(0, 2e-3))), "another result of the same second"
    assert file.stat().st_mtime_ns == before
    assert not list(tmp_path.glob("*.part"))


def test_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file would be in the way of whoever looks into the folder."""

    def write(_: object, file: IO[bytes], **__: object) -> None:
        file.write(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("reports.history.dataset.pq.write_table", write)
    with pytest.raises(OSError, match="No space left"):
        Dataset.open(str(tmp_path)).add(enter_run(run_at(0)))
    assert not list(tmp_path.iterdir())


def test_facts_of_few_entries_are_read_from_their_files_alone(tmp_path: Path) -> None:
    """Which a file that somebody renamed does not tell by its name."""
    history = history_of(tmp_path, [run_at(0), run_at(1)])
    first, second = sorted(path.stem for path in tmp_path.glob("*.parquet"))
    (tmp_path / f"{second}.parquet").write_bytes(b"not looked into")
    assert json.loads(history.read_facts({first})[first])["torch.version"] == FACTS["torch.version"]
    (tmp_path / f"{second}.parquet").unlink()
    (tmp_path / f"{first}.parquet").rename(tmp_path / "renamed.parquet")
    assert set(history.read_facts({first})) == {first}
    with pytest.raises(OptionError, match="stranger has no facts; take that file out of the folder"):
        history.read_facts({"stranger"})


def test_graph_names_the_commits_at_which_something_begins(tmp_path: Path) -> None:
    """The first, the last, and a step between them; names that would overlap are left out."""
    seconds = noisy(40, step=20, size=0.2)
    _, (trend, _) = list_trends(history_of(tmp_path, [run_at(day, value) for day, value in enumerate(seconds)]))
    drawn = draw_trend(trend, 0)
    assert re.findall(r'text-anchor="middle">([0-9a]+)<', drawn) == ["00000000", "00000039", "00000020"]
    assert max(map(int, re.findall(r'y="(\d+)"', drawn))) < 2 * HEIGHT + FOOT


def test_store_of_a_team_is_any_that_fsspec_knows() -> None:
    """Its own file system in memory stands for one of objects."""
    history = history_of("memory://team/history", [run_at(0), run_at(1)])
    assert len(list_trends(history)[0]) == 2


def test_step_that_was_planted_is_found_where_it_is(tmp_path: Path) -> None:
    """And nothing else is."""
    runs = [run_at(day, seconds) for day, seconds in enumerate(noisy(40, step=25, size=0.05))]
    _, trends = list_trends(history_of(tmp_path, runs))
    ((place, change),) = trends[0].list_steps()
    assert place == 25
    assert change == pytest.approx(0.05, abs=0.01)
    assert describe_changes(trends[:1], 5) == [
        f"{TWO[0].id} got {100 * change:.1f} % slower at 00000025aaaa (2030-01-26), over 40 points.",
        CAVEAT,
    ]


def test_noise_alone_hardly_ever_steps() -> None:
    """The shuffles set the threshold at 1 in 100; what is too short, or all alike, has none."""
    found = sum(bool(find_steps(np.log(noisy(60, seed=seed)))) for seed in range(200))
    assert found <= 8
    assert find_steps(np.log(noisy(7, step=4, size=1.0))) == ()
    assert find_steps(np.zeros(50)) == ()


def test_one_odd_run_is_a_blip_and_no_step() -> None:
    """Two graphs tell them apart; here nothing steps."""
    seconds = noisy(40)
    seconds[20] *= 1.5
    assert find_steps(np.log(seconds)) == ()


def test_segment_begins_where_the_environment_changes(tmp_path: Path) -> None:
    """Not with a commit or a load: another torch, which is named; there no step is looked for."""
    seconds = noisy(30, step=15, size=0.2)
    runs = [
        run_at(day, value, {"torch.version": "2.14.1" if day < 15 else "2.15.0", "machine.load_at_start": 0.1 * day})
        for day, value in enumerate(seconds)
    ]
    _, trends = list_trends(history_of(tmp_path, runs))
    first, second = trends[0].segments
    assert (first.begin, first.end, second.begin, second.end) == (0, 15, 15, 30)
    assert (first.changed, second.changed) == ((), ("torch.version 2.14.1 to 2.15.0",))
    assert trends[0].list_steps() == []
    assert describe_changes(trends, 5) == [
        "The environment changed on 2030-01-16: torch.version 2.14.1 to 2.15.0; 2 cases begin anew there."
    ]
    previous, since_first = compare_points(trends[0])
    assert (previous[15], since_first[15]) == (0.0, 0.0)
    assert since_first[16] == pytest.approx(np.log(seconds[16] / seconds[15]))


def test_gate_is_kept_with_its_verdicts_and_is_a_trend_of_its_own(tmp_path: Path) -> None:
    """It is measured in another way than a run, so their times stand in no one line."""
    gate = replace(made_gate(slower={CASES[0]: 0.06}), environment=run_at(3).environment, source="gate.json")
    judged = {CASES[0]: Judged(verdict="regressed", change=0.06, low=0.05, high=0.07)}
    history = history_of(tmp_path, [run_at(0)])
    assert history.add(enter_gate(gate, judged))
    entries, trends = list_trends(history)
    assert list(entries["kind"]) == ["run", "gate"]
    (own,) = [trend for trend in trends if trend.kind == "gate"]
    assert (own.case, own.verdicts) == (CASES[0].id, ("regressed",))
    assert f"{CASES[0].id} (gate)" in render(entries, trends)


def test_page_holds_every_trend_and_escapes_what_it_was_given(tmp_path: Path) -> None:
    """A commit is a text from elsewhere, and so is the name of a file."""
    odd = {"commit.id": "</script><b>&amp;", "torch.version": "<i>2"}
    hostile = replace(run_at(1, facts=odd), source="<img src=x>.json")
    entries, trends = list_trends(history_of(tmp_path, [run_at(0), hostile]))
    said = render(entries, trends)
    for words in ("<b>", "<i>2", "<img"):
        assert words not in said
    assert said.count("</script>") == 2
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', said, re.DOTALL)[0])
    assert [trend["results"] for trend in data["trends"]] == [[0, 1], [0, 1]]
    assert data["results"][1][2] == "</script><b>"
    assert data["trends"][0]["microseconds"] == [1000.0, 1000.0]
    assert said.count("data-trend=") == 2


def test_many_points_are_ranges_that_lie_where_they_belong() -> None:
    """A column's place is its points' place, however many there are."""
    count = MOST_COLUMNS + 60
    trend = trend_of([1e-3] * (count // 2) + [2e-3] * (count // 2))
    places = [float(x) for x in re.findall(r"M([\d.]+) [\d.]+V", draw_trend(trend, 0))]
    assert len(places) == 2 * MOST_COLUMNS
    few = trend_of([1e-3, 2e-3])
    assert draw_trend(few, 0).count("h.01") == 4


def trend_of(seconds: Sequence[float]) -> Trend:
    """Return a trend of one segment."""
    from reports.history.trends import Segment

    count = len(seconds)
    return Trend(
        case="a",
        kind="run",
        axes={},
        entries=tuple(map(str, range(count))),
        times=tuple(FIRST + timedelta(days=day) for day in range(count)),
        commits=(None,) * count,
        seconds=np.array(seconds),
        verdicts=(None,) * count,
        segments=(Segment(begin=0, end=count, steps=(), changed=()),),
    )


def test_table_reads_like_this(tmp_path: Path) -> None:
    """Golden: what changed since the point before, since the first, and the latest step."""
    values = [1.0, 1.001, 0.999, 1.0, 1.002, 1.1, 1.101, 1.099, 1.1, 1.12]
    runs = [run_at(day, 1e-3 * value) for day, value in enumerate(values)]
    entries, trends = list_trends(history_of(tmp_path, runs))
    assert render_history(entries, trends[:1], TERMINAL).startswith(
        """\
History

10 results, from 2030-01-01 00:00 UTC to 2030-01-10 00:00 UTC.

case                               of      points    latest    since previous    since first  latest step
---------------------------------  ----  --------  --------  ----------------  -------------  -----------------------
mlp-forward-b64-cpu-float32-eager  run         10  1.120 ms            +1.8 %        +12.0 %  +10.0 % at 00000005aaaa

A change is of the latest point"""
    )


def test_commands_add_show_and_draw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From files to a page; what is there already is said."""
    files = [str(stored(run_at(day), tmp_path / f"{day}.json")) for day in range(2)]
    gate = replace(made_gate(), environment=run_at(2).environment)
    files.append(str(stored_gate(tmp_path, gate)))
    where = ["--dataset", str(tmp_path / "history")]
    assert main(["history", "add", *files, *where]) == 0
    assert main(["history", "add", files[0], *where]) == 0
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "3 added",
        "0 added, 1 there already",
    ]
    assert main(["history", "show", "--case", "*bfloat16*", *where]) == 0
    said = capsys.readouterr().out
    assert said.count(TWO[1].id) == 2, "of the runs and of the gate"
    assert TWO[0].id not in said
    assert main(["history", "show", "--format", "csv", *where]) == 0
    assert capsys.readouterr().out.startswith("case,kind,points,seconds,")
    assert main(["history", "page", *where, "--out", str(tmp_path / "page")]) == 0
    assert TWO[0].id in (tmp_path / "page" / "history.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], "no history is there yet"),
        (["page", "--out", "unused"], "no history is there yet"),
        (["add", "missing.json"], "missing.json"),
        (["show", "--dataset", "nowhere://x"], "no such place for a history"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    words: str,
) -> None:
    """And exit code 2; nothing is made."""
    monkeypatch.chdir(tmp_path)
    assert main(["history", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_part_of_a_history_is_named(tmp_path: Path) -> None:
    """Nothing is overwritten, and nothing is guessed."""
    history = history_of(tmp_path, [run_at(0)])
    odd = tmp_path / "odd.parquet"
    odd.write_bytes(b"PAR1 no PAR1")
    with pytest.raises(OptionError, match=r"odd\.parquet: no part of a history"):
        list_trends(history)
    odd.unlink()


def test_run_without_a_time_or_a_figure_has_no_place(tmp_path: Path) -> None:
    """One line says which and why."""
    with pytest.raises(OptionError, match=r"out\.json: it does not say when it began"):
        enter_run(run_at(0, facts={"run.started": None}))
    empty = replace(run_at(0), measurements=())
    with pytest.raises(OptionError, match="nothing in it was timed"):
        enter_run(empty)


def test_history_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its libraries are an extra."""
    monkeypatch.setitem(sys.modules, "reports.history.dataset", None)
    assert main(["history", "show", "--dataset", str(tmp_path)]) == 2
    assert "pip install '.[history]'" in capsys.readouterr().err
