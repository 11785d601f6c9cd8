"""A field that a reader asks for was there when its schema began: later ones have a default, or files become unread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from bench.files.gate import EVENTS
from bench.files.run import RECORDS
from bench.record.added_later import ADDED_LATER
from bench.record.arm import Arm
from bench.record.conditions import Environment, Settings
from bench.record.gate import GATE_SCHEMA, Acceptance
from bench.record.run import SCHEMA, CeilingsFound, Measured

LEDGER = Path(__file__).with_name("required_fields.json")
"""Of each schema, the fields that a file of it must have, by record: nothing is ever added to one."""

ROOTS: Mapping[str, tuple[Any, ...]] = {
    f"run {SCHEMA}": (Environment, Settings, Measured, CeilingsFound, *RECORDS.values()),
    f"gate {GATE_SCHEMA}": (Environment, Settings, Arm, Acceptance, *EVENTS.values()),
}


def list_required(root: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield every record that one holds, itself among them, with the fields that its reader asks for."""
    if not is_dataclass(root):
        for part in get_args(root):
            yield from list_required(part)
        return
    hints = get_type_hints(root)
    stored = [field for field in fields(root) if field.compare]
    yield root.__name__, sorted(field.name for field in stored if not field.metadata.keys() & ADDED_LATER.keys())
    for field in stored:
        yield from list_required(hints[field.name])


def test_nothing_is_asked_of_a_file_that_its_schema_did_not_ask_before() -> None:
    """A new field has a default and the mark of those that were added later; without a sensible one, a new schema."""
    found = {name: dict(pair for root in roots for pair in list_required(root)) for name, roots in ROOTS.items()}
    assert found == json.loads(LEDGER.read_text(encoding="utf-8"))


def test_ledger_knows_the_records_that_matter() -> None:
    """A walk that finds nothing would agree with an empty ledger."""
    ledger = json.loads(LEDGER.read_text(encoding="utf-8"))
    assert {"Case", "Preparation", "Slices", "Profile"} <= set(ledger[f"run {SCHEMA}"])
    assert "modules" not in ledger[f"run {SCHEMA}"]["Profile"]
    assert "seconds" in ledger[f"run {SCHEMA}"]["Slices"]
