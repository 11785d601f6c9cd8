"""Can a gate be deceived? Changed networks, of which it is known what became of them, against the checkout's own.

    python -m tests.field.attack [--only NAME,...] [--short] [--folder DIR] [--budget 40s]

Each network is changed in a git repository of its own, a copy of the checkout, and compared with its first commit.
`right` is the true verdict by its name; `honest` says nothing false: inconclusive, unproven, or the change is named;
`wrong` is a pass of something that is slower or computes nothing, or a regression of what did not change.
A line is printed and stored as each attack ends; with the same ``--folder``, what is stored for the same checkout is
not measured again.
Prints a table and writes it to ``attacks.md``; exits with 1 if an answer is wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from time import monotonic

import tests.field.attacks
from bench.files.gate import read_gate
from bench.files.parse_json import UnreadableError
from bench.host.code import digest, digest_files
from reports.gate.answer import conclude
from tests.field.attacks import ATTACKS, SHORT, Attack
from tests.field.judging import Judged, Judgement, judge, judge_silence
from tests.field.program import end_with
from tests.field.runs import ROOT, copy_of_checkout, start

BUDGET_SECONDS = 40.0
"""Of an attack whose patience is 1: two cores that are left alone time more than sixteen blocks of one case in it."""

MOST_BLOCKS, SHORT_MOST_BLOCKS = 32, 8
"""A verdict takes eight blocks, and after each doubling of them it is looked at again."""

AFTER_BUDGET_SECONDS = 240.0
"""A session that has not ended so long after its budget hangs, and is killed."""

OPTIONS = {
    "--device": "cpu",
    "--batch": "64",
    "--step": "forward",
    "--dtype": "float32",
    "--compile": "off",
    "--data": "random",
}

RESULTS, TABLE = "attacks.jsonl", "attacks.md"

TIP = "--against-tip"

MOST_SHOWN = 160
"""So many characters of a mechanism fit into a table's cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One session that was carried out.

    Attributes:
        name: the attack's.
        checkout: fingerprint of the code, so that an answer of other code is not taken for its own.
        code: the exit code; None if it hung and was killed.
        seconds: from start to end.
    """

    name: str
    checkout: str
    code: int | None
    seconds: float


def main(argv: Sequence[str]) -> int:
    """Carry out attacks and print the table; return 1 if an answer is wrong."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help="comma list of attacks")
    parser.add_argument("--short", action="store_true", help=f"{', '.join(SHORT)}, with few blocks")
    parser.add_argument("--folder", metavar="DIR", type=Path, help="where results are stored, to go on with them")
    parser.add_argument("--budget", metavar="40s", type=read_seconds, default=BUDGET_SECONDS, help="of a plain attack")
    options = parser.parse_args(argv)
    names = options.only.split(",") if options.only else list(SHORT if options.short else ATTACKS)
    if strangers := set(names) - ATTACKS.keys():
        parser.error(f"unknown attack {min(strangers)!r}; known: {', '.join(ATTACKS)}")
    blocks = SHORT_MOST_BLOCKS if options.short else MOST_BLOCKS
    folder = options.folder or Path(mkdtemp(prefix="field-attack-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"results: {folder}", flush=True)
    earlier = read_ended(folder / RESULTS, fingerprint())
    rows = []
    for name in names:
        attack = ATTACKS[name]
        ended = earlier[name] if name in earlier else carry_out(attack, folder, options.budget, blocks)
        judged = find_judgement(attack, ended, folder)
        rows.append((attack, ended, judged))
        print(f"{judged.judgement:6} {name} ({ended.seconds:.0f} s): {judged.said}; {judged.mechanism}", flush=True)
    table = render(rows)
    (folder / TABLE).write_text(table, encoding="utf-8")
    print(f"\n{table}", end="")
    return 1 if any(judged.judgement is Judgement.WRONG for _, _, judged in rows) else 0


def read_seconds(text: str) -> float:
    """Return the seconds of a text such as ``40s``."""
    return float(text.removesuffix("s"))


@cache
def fingerprint() -> str:
    """Return what tells this checkout's code, and the attacks on it, from any other."""
    attacks = sha256(Path(tests.field.attacks.__file__).read_bytes()).hexdigest()[:16]
    return "-".join([*(digest(digest_files(ROOT / folder)) for folder in ("models", "bench", "reports")), attacks])


def read_ended(path: Path, checkout: str) -> dict[str, Ended]:
    """Return the sessions of one checkout that ended, by attack; a line that was cut off is none."""
    ended = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            session = Ended(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if session.checkout == checkout:
            ended[session.name] = session
    return ended


def carry_out(attack: Attack, folder: Path, budget: float, blocks: int) -> Ended:
    """Make the two networks, compare them, and store how the session ended."""
    begin = monotonic()
    stored = folder / f"{attack.name}.json"
    for path in (stored, stored.with_suffix(".jsonl")):
        path.unlink(missing_ok=True)
    with TemporaryDirectory(prefix="field-attack-") as scratch:
        tree = make_repository(attack, Path(scratch) / "tree")
        seconds = budget * attack.patience
        environment = {name: value.format(tree=tree) for name, value in attack.environment.items()}
        session = start(
            [*list_arguments(attack, seconds, blocks), "--benchmark-json", str(stored)],
            folder / f"{attack.name}.log",
            root=tree,
            environment=environment,
        )
        try:
            code: int | None = session.wait(seconds + AFTER_BUDGET_SECONDS)
        except subprocess.TimeoutExpired:
            session.kill_group()
            code = None
        for process in session.left_over():
            process.kill()
    ended = Ended(name=attack.name, checkout=fingerprint(), code=code, seconds=round(monotonic() - begin, 1))
    with (folder / RESULTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(ended)) + "\n")
    return ended


def make_repository(attack: Attack, target: Path) -> Path:
    """Return a copy of the checkout whose first commit is base, and whose files are head."""
    tree = copy_of_checkout(target)
    shutil.copy(ROOT / ".gitignore", tree)
    if attack.base is not None:
        attack.base(tree)
    _git(tree, "init", "--quiet", "--initial-branch", "main")
    _commit(tree, "base")
    attack.head(tree)
    if attack.committed:
        _commit(tree, "head")
    return tree


def list_arguments(attack: Attack, seconds: float, blocks: int) -> list[str]:
    """Return pytest's arguments of an attack's session, without those that name its files."""
    named = [part for option in {**OPTIONS, **attack.options}.items() for part in option]
    against = [option for option in attack.against if option != TIP or knows_tip()]
    return ["bench", "-q", *named, "--budget", f"{seconds:g}s", "--launches", str(blocks), *against]


@cache
def knows_tip() -> bool:
    """Return whether this checkout has the option that compares a clean tree with its own commit."""
    command = [sys.executable, "-m", "pytest", "bench", "--help"]
    return TIP in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def find_judgement(attack: Attack, ended: Ended, folder: Path) -> Judged:
    """Return what to think of what a session stored, or printed if it stored nothing."""
    if ended.code is None:
        return Judged(judgement=Judgement.WRONG, said="no answer", mechanism="it hung and was killed")
    try:
        gate = read_gate(folder / f"{attack.name}.json")
    except UnreadableError:
        log = (folder / f"{attack.name}.log").read_text(encoding="utf-8", errors="replace")
        return judge_silence(attack, log, ended.code)
    return judge(attack, conclude(gate), ended.code)


def render(rows: Sequence[tuple[Attack, Ended, Judged]]) -> str:
    """Return the table as Markdown, and how many answers were of each kind."""
    lines = [
        "| attack | what it does | truth | answer | exit code | judged | mechanism |",
        "|---|---|---|---|---:|---|---|",
    ]
    for attack, ended, judged in rows:
        truth = ", ".join(f"{name} {truth}" for name, truth in attack.truth.items())
        cells = (
            attack.name,
            attack.does,
            truth,
            judged.said,
            "killed" if ended.code is None else str(ended.code),
            judged.judgement,
            judged.mechanism[:MOST_SHOWN],
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    counts = {kind: sum(judged.judgement is kind for _, _, judged in rows) for kind in reversed(Judgement)}
    lines += ["", f"{len(rows)} attacks: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()) + "."]
    return "\n".join(lines) + "\n"


def _commit(tree: Path, message: str) -> None:
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--allow-empty", "--message", message)


def _git(tree: Path, *arguments: str) -> None:
    settings = ("user.name=field", "user.email=field@localhost", "commit.gpgsign=false", f"core.hooksPath={os.devnull}")
    given = [part for setting in settings for part in ("-c", setting)]
    subprocess.run(["git", "-C", str(tree), *given, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    end_with(main)
