"""``python -m reports gate``: the verdict of a stored gate, or what two stored runs can say."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from bench.files.fleet import read_fleet
from bench.files.gate import read_gate
from bench.files.parse_json import OtherKindError, UnreadableError
from bench.files.run import read_run
from reports.gate.answer import State, conclude
from reports.gate.answer_text import render_answer
from reports.gate.nodes import decide, judge_nodes, render_nodes
from reports.gate.stored import DRIFT, compare_stored
from reports.gate.stored_text import render_stored
from reports.show.command import add_format, find_width, print_report
from reports.stats.verdict import Verdict

INCONCLUSIVE_STRICTLY, UNPROVEN = 3, 4
"""These exit codes follow 2, which is for what cannot be read."""

CODES = {State.FAILED: 1, State.REGRESSED: 1, State.UNPROVEN: UNPROVEN, State.INCONCLUSIVE: 0, State.PASS: 0}
"""A shell stops at every state that is not 0: a gate that proved nothing must not pass for one that passed."""


def configure_gate(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a gate of `pytest bench --against`, or base's run")
    parser.add_argument("head", type=Path, nargs="?", metavar="HEAD", help="head's run, if FILE is base's run")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit code 3 if a case is inconclusive, as a gate that missed its --detect has",
    )
    add_format(parser)
    parser.add_argument(
        "--drift",
        type=_parse_share,
        default=DRIFT,
        metavar="SHARE",
        help="of two stored runs: how far the machine may have drifted between them (default: %(default)s)",
    )
    parser.set_defaults(out=None)


def run_gate(options: Namespace) -> int:
    """Print the answer; return 0, 1 if head regressed or failed, 4 if nothing is proved.

    3 is for a gate that is inconclusive, with --strict, and for one that could not see what it was to see.

    Raises:
        UnreadableError: if a file cannot be used.
    """
    if options.head is not None:
        return _stored(options)
    try:
        answer = conclude(read_gate(options.file))
    except OtherKindError as no_gate:
        return _run_nodes(options, no_gate)
    print_report(render_answer(answer, options.format, width=find_width()))
    return _choose_code(answer.state, strict=options.strict or answer.blind)


def _run_nodes(options: Namespace, no_gate: OtherKindError) -> int:
    """Print the answer of the gates of several nodes.

    Raises:
        OtherKindError: if the file holds none.
    """
    try:
        nodes = judge_nodes(read_fleet(options.file))
    except OtherKindError:
        raise no_gate from None
    if all(node.answer is None for node in nodes):
        raise no_gate
    print_report(render_nodes(nodes, options.format, width=find_width()))
    blind = any(node.answer is not None and node.answer.blind for node in nodes)
    return _choose_code(decide(nodes), strict=options.strict or blind)


def _choose_code(state: State, *, strict: bool) -> int:
    return INCONCLUSIVE_STRICTLY if state is State.INCONCLUSIVE and strict else CODES[state]


def _stored(options: Namespace) -> int:
    if options.file.resolve() == options.head.resolve():
        raise UnreadableError(f"{options.file}: given twice; name base's run and head's")
    answer = compare_stored(read_run(options.file), read_run(options.head), options.drift)
    print_report(render_stored(answer, options.format, width=find_width()))
    if answer.faults or answer.count(Verdict.REGRESSED):
        return 1
    if not answer.changes:
        return UNPROVEN
    return INCONCLUSIVE_STRICTLY if options.strict and answer.count(Verdict.INCONCLUSIVE) else 0


def _parse_share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 10:  # noqa: PLR2004  a machine that drifts tenfold is another machine
        raise ArgumentTypeError(f"{text!r} is not a share such as 0.3")
    return share
