"""Gates that were never carried out: made up from a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from bench.files.gate import GATE_FORMAT, GateLog, make_gate_section
from bench.files.journal import Journal
from bench.files.parse_json import GATE_SECTION
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.gate import Block, Contest, Counts, Ending, Gate, GateEvent, Looked, Opened, Pairing, Plan, Share
from tests.makers.runs import FACTS, matrix

CASES = matrix(steps=("forward", "backward"), batches=(1, 64))
ENDING = Ending(reason="every case is settled", broken=False, stopped=False, wall_seconds=220.0)
COUNTS = {"flops": 1000, "operators": 9, "aten::addmm": 3}


def pairing(
    case: Case,
    random: Random,
    *,
    slower: float,
    scatter: float,
    contest: Contest,
    quads: int = 3,
    stall: float = 0.0,
) -> Pairing:
    """Return quads of a millisecond, with a common effect of this block and a little noise in each slice.

    One of head's slices is longer by `stall`, as a share.
    """
    effect = random.gauss(0.0, scatter)
    base = [0.001 * (1 + random.gauss(0.0, 0.002)) for _ in range(2 * quads)]
    head = [0.001 * (1 + slower) * (1 + effect) * (1 + random.gauss(0.0, 0.002)) for _ in range(2 * quads)]
    head[-1] *= 1 + stall
    return Pairing(
        case=case,
        contest=contest,
        iterations=10,
        base_outside=tuple(random.random() < 0.5 for _ in range(quads)),
        base_seconds=tuple(base),
        head_seconds=tuple(head),
        yardstick_seconds=2e-5,
        involuntary_switches=1,
        stolen_seconds=0.0,
    )


def made_gate(
    *,
    seed: int = 0,
    cases: Sequence[Case] = CASES,
    blocks: int = 16,
    looks: Sequence[int] = (8, 16),
    scatter: float = 0.01,
    slower: Mapping[Case, float] | None = None,
    slowdown: float = 0.2,
    caught: bool = True,
    same: float = 0.0,
    stalls: Mapping[Case, float] | None = None,
    same_stall: float = 0.0,
    counts: Mapping[Side, Mapping[str, int]] | None = None,
    flops_reasons: Mapping[Side, str] | None = None,
    **changes: Any,
) -> Gate:
    """Return a gate in which head is slower by the shares in `slower`.

    Args:
        seed: of the noise.
        cases: what was compared.
        blocks: how many.
        looks: after which of them.
        scatter: of a block's effect.
        slower: by case; everything else is unchanged.
        slowdown: of the control.
        caught: whether the control's slowdown was there to be seen.
        same: how much slower base is than itself.
        stalls: how much longer one of head's slices is in each block, by case.
        same_stall: how much longer one slice of base is than base's own, in each block of the control.
        counts: exact counts of each side, the same for all cases.
        flops_reasons: why the operations of a side are not counted, likewise.
        changes: fields of the gate that are otherwise.
    """
    random = Random(seed)
    control, slow = cases[0], slower or {}
    made = []
    for index in range(1, blocks + 1):
        some = [
            pairing(
                case,
                random,
                slower=slow.get(case, 0.0),
                scatter=scatter,
                contest=Contest.ARMS,
                stall=(stalls or {}).get(case, 0.0),
            )
            for case in cases
        ]
        some.append(pairing(control, random, slower=same, scatter=scatter, contest=Contest.SAME, stall=same_stall))
        some.append(pairing(control, random, slower=slowdown * caught, scatter=scatter, contest=Contest.SLOWED))
        made.append(Block(index=index, base_first=random.random() < 0.5, wall_seconds=4.0, pairings=tuple(some)))
    fields = {
        "environment": Environment(facts=FACTS),
        "settings": Settings(launches=60, budget_seconds=300.0),
        "arms": {Side.BASE: Arm(ref="main"), Side.HEAD: Arm()},
        "cases": tuple(cases),
        "floors": {case.id: 0.02 for case in cases},
        "plan": Plan(
            shares=tuple(Share(case=case, iterations=10, quads=3) for case in cases), control=control, slowdown=slowdown
        ),
        "counts": tuple(
            Counts(
                side=side,
                case=case,
                numbers=(counts or {}).get(side, COUNTS),
                flops_reason=(flops_reasons or {}).get(side),
            )
            for side in Side
            for case in cases
        ),
        "blocks": tuple(made),
        "looks": tuple(looks),
        "ending": ENDING,
        "wall_seconds": ENDING.wall_seconds,
    }
    return Gate(**{**fields, **changes})


def events_of(gate: Gate) -> list[GateEvent]:
    """Return events that add up to a gate, in an order in which they may come."""
    assert gate.plan is not None
    events: list[GateEvent] = [*([gate.trees] if gate.trees else []), *gate.footprints]
    events += [Opened(new=gate.new, gone=gate.gone), *gate.counts, gate.plan, *gate.faults]
    for block in gate.blocks:
        events.append(block)
        if block.index in gate.looks:
            events.append(Looked(blocks=block.index))
    return [*events, *([gate.ending] if gate.ending else []), *gate.profiles]


def empty(gate: Gate) -> Gate:
    """Return a gate before anything of it was seen."""
    seen = ("new", "gone", "counts", "faults", "blocks", "looks", "footprints", "profiles")
    nothing: dict[str, Any] = dict.fromkeys(seen, ())
    return replace(gate, plan=None, ending=None, trees=None, wall_seconds=0.0, **nothing)


def logged(folder: Path, gate: Gate) -> tuple[GateLog, Path]:
    """Return a log with a journal, in which a gate was written down event by event."""
    path = folder / "gate.jsonl"
    with Journal(path) as journal:
        log = GateLog(GATE_FORMAT, empty(gate), journal)
        for event in events_of(gate):
            log.add(event)
    return log, path


def stored_gate(folder: Path, gate: Gate, change: Callable[[Any], object] | None = None) -> Path:
    """Write a gate as `pytest bench --against` would; its section may be changed before."""
    section = json.loads(json.dumps(make_gate_section(logged(folder, gate)[0])))
    path = folder / "gate.json"
    path.write_text(json.dumps({GATE_SECTION: change(section) if change else section}))
    return path
