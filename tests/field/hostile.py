"""Can a result file do harm? Thousands of damaged and hostile ones are read and rendered.

``python -m tests.field.hostile [--files 2000] [--seed 0]``

Each goes through ``python -m reports``: a run as table (text, Markdown, CSV), beside a sound one as contender, and, for
some, as plots; a gate of arms, or a fleet of such gates, as its answer in the same three forms; a fleet of runs
side by side; every fifth as a page, and by way of a history of its own. Whatever happens must be a documented exit
code, or 2 with one line, within 5 s of processor time (or twice what the pictures of a sound run need on this machine,
if that is more) and a minute of the clock, without a traceback, without a write outside the output folder; and what is
accepted must come out escaped.
Prints a table; exits with 1 if a count that must be 0 is not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any

import matplotlib.font_manager

from bench.files.fleet import make_fleet_section
from bench.files.gate import GATE_FORMAT, GateLog, make_gate_section
from bench.files.journal import Journal
from bench.files.parse_json import FLEET_SECTION, GATE_SECTION, SECTION
from bench.files.run import make_run_section
from bench.record.fleet import FleetEvent
from bench.record.run import Run
from reports.__main__ import main as reports_main
from tests.field.program import end_with
from tests.makers.contenders import on_cpu, run_on, stored
from tests.makers.fleets import fleet_events, gate_fleet_events, logged_fleet
from tests.makers.gates import CASES, empty, events_of, made_gate
from tests.makers.runs import realistic_run

PROCESSOR_SECONDS = 5.0
"""A command that needs more for one file can be made to need any time; what others run beside it does not count."""

TIMES_SOUND = 2.0
"""What a machine may need for a file, in times of what it needs for the pictures of a sound run."""

WALL_SECONDS = 60.0
"""A command that waits for something needs no processor; five seconds of work take less, on a shared machine too."""

SOUND = "sound.json"
"""A file beside the others with which nothing is wrong."""

VERDICTS = {"table": (0,), "plot": (0,), "compare": (0,), "gate": (0, 1, 4), "page": (0,), "history": (0,)}
"""Exit codes of a file that was read; of a gate they are its verdict."""

NASTY = (
    "<script>alert(1)</script>",
    '=cmd|"/c calc"!A1',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "../../../../tmp/x",
    "/etc/passwd",
    "\x1b[2J\x1b[31mred\x07",
    "\x00\r\n\t",
    "\u202eright to left",
    "\ud800",
    "a|b`c*d_e[f](g)",
    "%s%n{0}${HOME}$(id)",
    "x" * 20_000,
    "\U0001f4a9" * 50,
    "",
)
"""Texts that some reader somewhere takes for code."""

VALUES = (
    None,
    True,
    0,
    -1,
    10**400,
    2**63,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]] * 10,
    {"a": {"b": {}}},
    *NASTY,
)
"""What a field may suddenly hold."""


@dataclass(slots=True)
class Tally:
    """What was seen; everything after `accepted` must be 0."""

    files: int = 0
    refused: int = 0
    accepted: int = 0
    tracebacks: int = 0
    other_exit_codes: int = 0
    refusals_of_several_lines: int = 0
    over_the_processor_time: int = 0
    over_a_minute: int = 0
    writes_outside: int = 0
    unescaped: int = 0
    examples: list[str] = field(default_factory=list)

    def faults(self) -> int:
        """Return the sum of what must be 0."""
        return sum(getattr(self, one.name) for one in fields(self)[3:-1])


class Watch:
    """Notes every file that this process opens for writing, renames, makes or removes, through an audit hook."""

    EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link", "subprocess.Popen")
    WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def __init__(self) -> None:
        self.allowed: Path | None = None
        self.outside: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        allowed = self.allowed
        if allowed is None or event not in self.EVENTS:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & self.WRITING):
            return
        self.allowed = None  # looking at a path makes events of its own
        places = arguments[:2] if event in ("os.rename", "os.symlink", "os.link") else arguments[:1]
        for place in places:
            if isinstance(place, str | bytes | os.PathLike):
                real = Path(os.path.realpath(os.fsdecode(place)))
                if real != Path(os.devnull) and not real.is_relative_to(allowed):
                    self.outside.append(f"{event} {real}")
        self.allowed = allowed

    def sees(self, folder: Path) -> bool:
        """Whether a write beside the allowed folder is noted, however its path is spelt: the watch must be awake."""
        out = folder / "out"
        out.mkdir()
        self.allowed = out.resolve()
        (out / ".." / "beside").touch()
        (out / "inside").touch()
        os.close(os.open(folder / "low-level", os.O_CREAT | os.O_WRONLY))
        self.allowed = None
        seen = [Path(line.split()[-1]).name for line in self.outside]
        self.outside.clear()
        return seen == ["beside", "low-level"]


def main(argv: Sequence[str]) -> int:
    """Make files, read them, count; return 1 if harm was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    matplotlib.font_manager._load_fontmanager()  # its cache is made at its first use, wherever that is
    tally, watch = Tally(), Watch()
    with tempfile.TemporaryDirectory(prefix="field-hostile-") as name:
        folder = Path(name)
        if not watch.sees(folder):
            print("the watch does not see a write outside the output folder: nothing below would mean anything")
            return 1
        stored(run_on("cpu", on_cpu), folder / SOUND)
        limit = max(PROCESSOR_SECONDS, TIMES_SOUND * seconds_of_pictures(folder))
        print(f"processor time that a command may take: {limit:.1f} s")
        for number, (suffix, content) in enumerate(files(options.files, Random(options.seed))):
            path = folder / f"file{suffix}"
            path.write_bytes(content)
            compared = b'"compare"' in content[:40] or GATE_SECTION.encode() in content[:200]
            of_nodes = b'"event": "fleet"' in content[:40] or FLEET_SECTION.encode() in content[:200]
            if of_nodes:
                given = commands_of_nodes(path, gates=b'"base_outside"' in content)
            else:
                given = commands(path, folder / "out", compared=compared, plots=number % 25 == 0)
            if number % 5 == 0 and not of_nodes:
                given += page_commands(path, folder / "out", number)
            look(path, given, tally, watch, limit)
    print("| | |", "|---|--:|", sep="\n")
    for one in fields(tally)[:-1]:
        print(f"| {one.name.replace('_', ' ')} | {getattr(tally, one.name)} |")
    print(*tally.examples[:20], sep="\n")
    return 1 if tally.faults() or not tally.accepted or not tally.refused else 0


def commands(path: Path, out: Path, *, compared: bool, plots: bool) -> list[list[str]]:
    """Return the command lines that a file goes through; the last argument of those that write is their folder."""
    if compared:
        return [["gate", str(path), "--format", form] for form in ("text", "markdown", "csv")]
    found = [["table", str(path), "--format", form] for form in ("text", "markdown")]
    found.append(["table", str(path), "--format", "csv", "--table", "summary"])
    found.append(["table", str(path), "--out", str(out)])
    side_by_side = ["compare", str(path.with_name(SOUND)), str(path)]
    if plots:
        return [*found, ["plot", str(path), "--out", str(out)], [*side_by_side, "--out", str(out)]]
    return [*found, [*side_by_side, "--format", "markdown"]]


def commands_of_nodes(path: Path, *, gates: bool) -> list[list[str]]:
    """Return the command lines that a fleet's file goes through, whose nodes hold gates or runs."""
    if gates:
        return [["gate", str(path), "--format", form] for form in ("text", "markdown", "csv")]
    return [["compare", str(path), "--format", form] for form in ("text", "markdown")]


def page_commands(path: Path, out: Path, number: int) -> list[list[str]]:
    """Return the command lines by which a file becomes a page, and a part of a history of its own."""
    history = ["--dataset", str(out / f"history{number}")]
    return [
        ["page", str(path), "--out", str(out)],
        ["history", "add", str(path), *history],
        ["history", "page", *history, "--out", str(out)],
    ]


def seconds_of_pictures(folder: Path) -> float:
    """Return the processor time that the pictures of a sound run take, once all that they need is imported."""
    path = folder / "whole.json"
    path.write_text(json.dumps({"benchmarks": [], "version": "5.3.1", SECTION: make_run_section(whole_run())}))
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(2):
            began = process_time()
            reports_main(["plot", str(path), "--out", str(folder / "out")])
    return process_time() - began


def look(path: Path, given: Sequence[Sequence[str]], tally: Tally, watch: Watch, limit: float) -> None:
    """Read and render one file in every form, and count what happened; `limit` is seconds of processor time."""
    out = path.parent / "out"
    tally.files += 1
    accepted = False
    for command in given:
        printed, complained = io.StringIO(), io.StringIO()
        begin, worked = perf_counter(), process_time()
        watch.allowed = out.resolve()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
                code = reports_main(list(command))
        except Exception as error:  # noqa: BLE001  this is what must not happen
            tally.tracebacks += 1
            tally.examples.append(f"{command[0]} {command[2:]}: {type(error).__name__}: {str(error)[:200]}")
            break
        finally:
            watch.allowed = None
        took, work = perf_counter() - begin, process_time() - worked
        tally.over_the_processor_time += work > limit
        tally.over_a_minute += took > WALL_SECONDS
        if work > limit or took > WALL_SECONDS:
            spent = f"{work:.1f} s of processor time in {took:.1f} s"
            tally.examples.append(f"{spent} for {command[0]} {command[2:]} of {path.stat().st_size} bytes")
        if code in VERDICTS[command[0]]:
            accepted = True
            bad = [*filter(None, (unescaped(said, command) for said, command in said_by(command, printed, out)))]
            tally.unescaped += len(bad)
            tally.examples += bad
            continue
        if code != 2:
            tally.other_exit_codes += 1
            tally.examples.append(f"exit code {code}: {complained.getvalue()[:200]}")
        elif len(complained.getvalue().strip().splitlines()) != 1 or "\x1b" in complained.getvalue():
            tally.refusals_of_several_lines += 1
            tally.examples.append(repr(complained.getvalue()[:300]))
        break
    tally.accepted += accepted
    tally.refused += not accepted
    if watch.outside:
        tally.writes_outside += 1
        tally.examples += watch.outside[:2]
        watch.outside.clear()


def said_by(command: Sequence[str], printed: io.StringIO, out: Path) -> list[tuple[str, Sequence[str]]]:
    """Return what a command printed and the pages that it wrote, which are removed, each with how it was made."""
    said: list[tuple[str, Sequence[str]]] = [(printed.getvalue(), command)]
    for page in out.glob("*.html"):
        said.append((page.read_text(encoding="utf-8"), ["html", *command]))
        page.unlink()
    return said


def unescaped(text: str, command: Sequence[str]) -> str | None:
    """Return what in an output could be taken for code, None if nothing."""
    for character in text:
        if (ord(character) < 32 and character != "\n") or character == "\x7f" or 0x80 <= ord(character) < 0xA0:
            return f"control character {character!r} in {command}"
        if 0x202A <= ord(character) <= 0x202E or 0x2066 <= ord(character) <= 0x2069:
            return f"direction override {character!r} in {command}"
    if ("markdown" in command and "<script" in text) or ("html" in command and "<script>alert" in text):
        return f"HTML in {command}"
    if "csv" in command:
        for line in text.splitlines()[1:]:
            if line[:1] in ("=", "@"):
                return f"formula in {command}: {line[:80]}"
        if ",=" in text or ",@" in text or ',"=' in text:
            return f"formula in {command}"
    return None


def files(count: int, random: Random) -> Iterator[tuple[str, bytes]]:
    """Yield suffix and content of `count` files: hand-made ones first, then mutations of real ones."""
    run = whole_run()
    document = {"benchmarks": [], "version": "5.3.1", SECTION: make_run_section(run)}
    journal = journal_lines(run)
    made = list(hand_made(document, journal))
    yield from made[:count]
    small, (compared, log) = trimmed(document), gate()
    of_runs, of_gates = fleet(fleet_events()), fleet(gate_fleet_events())
    for _ in range(max(0, count - len(made))):
        whole, section_, lines = random.choice(
            (
                (small, SECTION, journal[:12]),
                (compared, GATE_SECTION, log),
                (of_runs[0], FLEET_SECTION, of_runs[1]),
                (of_gates[0], FLEET_SECTION, of_gates[1]),
            )
        )
        if random.random() < 0.3:
            yield ".json", damaged_bytes(json.dumps(whole).encode(), random)
        elif random.random() < 0.3:
            yield ".jsonl", damaged_bytes(b"".join(lines), random)
        else:
            changed = json.loads(json.dumps(whole))
            if section_ == SECTION and random.random() < 0.2:
                mutate_case(changed, random)
            else:
                for _ in range(random.choice((1, 1, 2, 5))):
                    mutate(changed[section_], random)
            yield ".json", json.dumps(changed).encode()


def fleet(events: Iterable[FleetEvent]) -> tuple[dict[str, Any], list[bytes]]:
    """Return a fleet as its JSON, and as the lines of its journal."""
    with tempfile.TemporaryDirectory() as name, Journal(Path(name) / "fleet.jsonl") as journal:
        log = logged_fleet(events, journal)
        lines = (Path(name) / "fleet.jsonl").read_bytes().splitlines(keepends=True)
    return {FLEET_SECTION: json.loads(json.dumps(make_fleet_section(log)))}, lines


def whole_run() -> Run:
    """Return a run that holds everything a run can hold: ceilings and least traffic too."""
    run = realistic_run()
    counted = [
        replace(one, preparation=replace(one.preparation, minimal_bytes=2_700_000)) if one.preparation else one
        for one in run.measurements
    ]
    return replace(run, measurements=tuple(counted), ceilings=run_on("cpu", on_cpu).ceilings)


def gate() -> tuple[dict[str, Any], list[bytes]]:
    """Return a gate's document and the lines of its journal."""
    job = made_gate(cases=CASES[:2], blocks=8, looks=(8,))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.jsonl"
        with Journal(path) as journal:
            log = GateLog(GATE_FORMAT, empty(job), journal)
            for event in events_of(job):
                log.add(event)
        return {GATE_SECTION: make_gate_section(log)}, path.read_bytes().splitlines(keepends=True)


def trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with few measurements, so that a mutation is likely to hit something that matters."""
    small: dict[str, Any] = json.loads(json.dumps(document))
    ours = small[SECTION]
    kept = [one for one in ours["measurements"] if one["launch"] < 4][:40]
    ours["measurements"] = kept
    return small


def journal_lines(run: Any) -> list[bytes]:
    """Return the lines of the journal that a run would have left."""
    from dataclasses import asdict

    from bench.record.run import SCHEMA

    begin = {
        "event": "begin",
        "schema": SCHEMA,
        "environment": asdict(run.environment),
        "settings": asdict(run.settings),
        "cases": [asdict(case) for case in run.cases],
    }
    events: list[dict[str, Any]] = [begin]
    events.append({"event": "ceilings", "ceilings": [asdict(one) for one in run.ceilings]})
    events += [{"event": "measured", "measurements": [asdict(one)]} for one in run.measurements]
    return [json.dumps(event).encode() + b"\n" for event in events]


def mutate_case(document: Any, random: Random) -> None:
    """Give all slices of one case the same extreme value: the median of one changed value among many is unmoved."""
    measurements = [one for one in document[SECTION]["measurements"] if one["slices"]]
    case = random.choice(measurements)["case"]
    name = random.choice(("seconds", "yardstick_seconds", "started_seconds", "stolen_seconds"))
    value = random.choice((1e-300, 1e-12, 1e9, 1e50, 1e308, -1.0, 0.0))
    for one in measurements:
        if one["case"] == case and one["slices"][name]:
            one["slices"][name] = [value] * len(one["slices"][name])


def mutate(document: Any, random: Random) -> None:
    """Change one random place of a parsed section: another value, a missing field, a new field, a repeated entry."""
    node, parents = document, []
    while True:
        entries = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        if not entries:
            break
        key, value = random.choice(entries)
        parents.append((node, key))
        if not isinstance(value, dict | list) or random.random() < 0.1:
            break
        node = value
    if not parents:
        return
    node, key = parents[-1]
    actions: list[Callable[[], Any]] = [
        lambda: node.__setitem__(key, random.choice(VALUES)),
        lambda: node.__setitem__(key, random.choice(NASTY)),
        lambda: node.__delitem__(key),
        lambda: node.append(node[key]) if isinstance(node, list) else node.__setitem__(random.choice(NASTY)[:50], 1),
    ]
    random.choice(actions)()


def damaged_bytes(content: bytes, random: Random) -> bytes:
    """Return content cut off, with bytes flipped, with a stretch removed or doubled."""
    at = random.randrange(len(content))
    match random.randrange(4):
        case 0:
            return content[:at]
        case 1:
            changed = bytearray(content)
            for _ in range(random.choice((1, 3, 30))):
                changed[random.randrange(len(changed))] = random.randrange(256)
            return bytes(changed)
        case 2:
            return content[:at] + content[at + random.randrange(1, 500) :]
        case _:
            return content[:at] + content[max(0, at - 300) :]


def hand_made(document: dict[str, Any], journal: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield files that somebody thought of."""
    text = json.dumps(document)
    yield ".json", text.encode()
    yield ".jsonl", b"".join(journal)
    yield ".json", b""
    yield ".jsonl", b""
    yield ".json", b"\xff\xfe\x00"
    yield ".json", b"[" * 100_000
    yield ".json", b'{"a":' * 100_000
    yield ".jsonl", b"[" * 1_000_000 + b"\n"
    yield ".json", b'{"accelbench": {"schema": 1e400}}'
    yield ".json", b'{"accelbench": {"schema": NaN}}'
    yield ".json", b'{"accelbench": {"schema": ' + b"9" * 100_000 + b"}}"
    yield ".json", b'{"accelbench": {"schema": 3}}'
    yield ".json", b'{"benchmarks": [{"name": "x", "stats": {"data": [1.0]}}]}'
    yield ".jsonl", journal[0] + b'{"event": "' + b"x" * (200 << 20) + b'"}\n'
    yield ".jsonl", journal[0] + b"not json\n" + journal[1]
    yield ".jsonl", b"".join(journal[:3]) + journal[2]
    yield ".json", text.replace('"mlp"', '"\\ud800"').encode()
    compared, log = gate()
    yield ".json", json.dumps(compared).encode()
    yield ".jsonl", b"".join(log)
    for nasty in NASTY[:14]:
        changed = json.loads(json.dumps(compared))
        for arm in changed[GATE_SECTION]["arms"].values():
            arm["ref"] = nasty
        for event in changed[GATE_SECTION]["events"]:
            if event["event"] == "opened":
                event["opened"]["new"] = event["opened"]["gone"] = [nasty]
            elif event["event"] == "counts" and event["counts"]["side"] == "head":
                event["counts"]["numbers"][nasty] = 1
            elif event["event"] == "ending":
                event["ending"]["reason"] = nasty
        yield ".json", json.dumps(changed).encode()
        escaped = json.dumps(nasty)
        yield ".json", text.replace('"mlp"', escaped).encode()
        yield ".json", text.replace('"cpu"', escaped).encode()
        changed = json.loads(text)
        for name in changed[SECTION]["environment"]["facts"]:
            changed[SECTION]["environment"]["facts"][name] = nasty
        for one in changed[SECTION]["measurements"]:
            one["notes"] = [nasty]
            if one["reason"] is not None:
                one["reason"] = nasty
        yield ".json", json.dumps(changed).encode()


if __name__ == "__main__":
    end_with(main)
