"""A file's content is data, and every deviation from the schema is an error that names its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.files.decode_fields import MAX_TEXT, DecodeError, decode
from bench.record.added_later import ADDED_LATER
from bench.record.conditions import Environment, Settings
from bench.record.observations import Preparation
from bench.record.run import Finish, Measurement, Outcome
from tests.makers.runs import FINISH, TWO, hole, measured, preparation, slices
from tests.makers.strategies import finishes, measurements, preparations, scalars, settings

MEASURED = measured(TWO[0], 1, slices([0.001, 0.002]), warm=True, compile_seconds=1.5)


def through_json(record: Any) -> Any:
    """Return a record as a file gives it back."""
    return json.loads(json.dumps(asdict(record), allow_nan=False))


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        (Measurement, measurements()),
        (Preparation, preparations),
        (Settings, settings),
        (Finish, finishes),
        (Environment, st.dictionaries(st.text(), scalars, max_size=5).map(lambda facts: Environment(facts=facts))),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_record_survives_json_bit_for_bit(kind: type, records: st.SearchStrategy[Any]) -> None:
    """Observations are stored at full precision, and the type of a fact is a part of it."""

    @given(records)
    def check(record: Any) -> None:
        found = decode(kind, through_json(record))
        assert found == record
        assert repr(found) == repr(record)  # also tells 1 from 1.0 and True

    check()


def put(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Return a function that replaces what stands at a dotted path."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            document = document[int(parent)] if isinstance(document, list) else document[parent]
        document[int(last) if isinstance(document, list) else last] = value

    return change


DEVIATIONS = [
    ("launch", None, "launch: expected a whole number, found null"),
    ("launch", 1.0, "launch: expected a whole number, found 1.0"),
    ("launch", True, "launch: expected a whole number, found True"),
    ("launch", "1", "launch: expected a whole number, found '1'"),
    ("launch", -1, "launch is -1"),
    ("launch", 10**400, "launch: "),
    ("outcome", "fine", "outcome: expected a word that is known, found 'fine'"),
    ("outcome", None, "outcome: expected a text, found null"),
    ("outcome", ["measured"], "outcome: expected a text, found a list"),
    ("reason", 1, "reason: expected a text, found 1"),
    ("notes", "text", "notes: expected a list, found 'text'"),
    ("notes", {"0": "text"}, "notes: expected a list, found an object"),
    ("notes", [1], r"notes\[0\]: expected a text, found 1"),
    ("notes", ["x" * (MAX_TEXT + 1)], r"notes\[0\]: expected a text of at most 10000 characters, found 'xx"),
    ("case", [], "case: expected an object, found a list"),
    ("case", None, "case: expected an object, found null"),
    ("case.batch", 0, "case: .*batch is 0"),
    ("case.batch", True, "case.batch: expected a whole number, found True"),
    ("case.batch", 10**400, "case.*batch"),
    ("case.dtype", "float8", "case: unknown dtype 'float8'"),
    ("slices.seconds", 0.001, "slices.seconds: expected a list, found 0.001"),
    ("slices.seconds", [0.001, None], r"slices.seconds\[1\]: expected a number, found null"),
    ("slices.seconds", [0.001, "0.002"], r"slices.seconds\[1\]: expected a number, found '0.002'"),
    ("slices.seconds", [0.001, True], r"slices.seconds\[1\]: expected a number, found True"),
    ("slices.seconds", [0.001, nan], r"slices.seconds\[1\]: expected a finite number, found nan"),
    ("slices.seconds", [0.001, float("inf")], r"slices.seconds\[1\]: expected a finite number, found inf"),
    ("slices.seconds", [0.001, 10**400], r"slices.seconds\[1\]: expected a finite number, found 1000"),
    ("slices.seconds", [0.001, -0.001], "slices: seconds holds a value that is not a positive"),
    ("slices.set_index", [0, 1.0], r"slices.set_index\[1\]: expected a whole number, found 1.0"),
    ("slices.set_index", [0, False], r"slices.set_index\[1\]: expected a whole number, found False"),
    ("slices.minor_faults", [0, 10**400], "slices.minor_faults"),
    ("slices.iterations", 10**400, "slices.*iterations"),
    ("slices.clock_seconds", nan, "slices.clock_seconds: expected a finite number, found nan"),
    ("slices.clock_seconds", True, "slices.clock_seconds: expected a number, found True"),
    ("preparation.settled", 1, "preparation.settled: expected true or false, found 1"),
    ("preparation.flops", 1.5, "preparation.flops: expected a whole number, found 1.5"),
    ("preparation.flops", 10**400, "preparation.flops"),
    ("preparation.compile_seconds", "1", "preparation.compile_seconds: expected a number, found '1'"),
    ("preparation.relative_errors", [], "preparation.relative_errors: expected an object, found a list"),
    ("preparation.relative_errors", {"x": None}, r"preparation.relative_errors\[\.\.\.\]: expected a number$"),
]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    DEVIATIONS,
    ids=[f"{path}={str(value)[:12]}" for path, value, _ in DEVIATIONS],
)
def test_deviation_is_an_error_that_names_the_place(path: str, value: object, sentence: str) -> None:
    """Whoever damaged a file, or forged one, learns where it is wrong; the program goes no further with it."""
    document = through_json(MEASURED)
    put(path, value)(document)
    with pytest.raises(DecodeError, match=sentence):
        decode(Measurement, document)


@pytest.mark.parametrize("path", ["", "case", "slices", "preparation"])
def test_unknown_field_is_an_error(path: str) -> None:
    """A field of a later version may change what the others mean."""
    document = through_json(MEASURED)
    put(f"{path}.surprise".lstrip("."), 1)(document)
    with pytest.raises(DecodeError, match=f"{path or 'top'}: unknown field 'surprise'"):
        decode(Measurement, document)


@pytest.mark.parametrize(
    ("path", "field"),
    [("", field) for field in Measurement.__dataclass_fields__]
    + [("slices", "stolen_seconds"), ("preparation", "flops"), ("case", "compile")],
)
def test_missing_field_is_an_error(path: str, field: str) -> None:
    """An optional field or a default would change the answer unseen."""
    document = through_json(MEASURED)
    del (document[path] if path else document)[field]
    with pytest.raises(DecodeError, match=f"{path or 'top'}: field '{field}' is missing"):
        decode(Measurement, document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A record that got a field after files of it had been written."""

    first: int
    later: tuple[str, ...] = field(default=("of old",), metadata=ADDED_LATER)
    unmarked: int = 1


def test_field_that_was_added_later_has_its_default_in_an_older_file() -> None:
    """Whoever adds a field says in one place what was true before, and older files stay readable."""
    assert decode(Grown, {"first": 1, "unmarked": 2}) == Grown(first=1, later=("of old",), unmarked=2)
    assert decode(Grown, {"first": 1, "later": ["new"], "unmarked": 2}) == Grown(first=1, later=("new",), unmarked=2)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"first": 1}, "field 'unmarked' is missing"),
        ({"later": [], "unmarked": 1}, "field 'first' is missing"),
        ({"first": 1, "unmarked": 1, "laterr": []}, "unknown field 'laterr'"),
        ({"first": 1, "unmarked": 1, "later": "text"}, "later: expected a list, found 'text'"),
        ({"first": 1, "unmarked": 1, "later": None}, "later: expected a list, found null"),
    ],
    ids=["default alone", "another field", "typo", "wrong type", "null"],
)
def test_mark_of_one_field_excuses_nothing_else(document: dict[str, object], sentence: str) -> None:
    """A default is no mark, and what is there is read as strictly as before."""
    with pytest.raises(DecodeError, match=sentence):
        decode(Grown, document)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (nan, r"facts\[\.\.\.\]: expected a finite number"),
        (10**400, "facts"),
        ([1], r"facts\[\.\.\.\]: expected true or false or .* or a text$"),
        ({}, r"facts\[\.\.\.\]: expected true or false or .* or a text$"),
        ("x" * (MAX_TEXT + 1), "text of at most 10000 characters"),
    ],
    ids=["nan", "huge", "list", "object", "long"],
)
def test_fact_is_one_finite_scalar(value: object, sentence: str) -> None:
    """Facts are printed and compared, so that they must be small and plain."""
    with pytest.raises(DecodeError, match=sentence):
        decode(Environment, {"facts": {"machine.cores": value}})


@pytest.mark.parametrize("document", [None, [], "text", 1, True], ids=str)
def test_what_is_not_an_object_is_an_error(document: object) -> None:
    """Whatever parses as JSON may come in."""
    with pytest.raises(DecodeError, match="top: expected an object"):
        decode(Finish, document)


def test_whole_numbers_are_taken_for_a_float_field() -> None:
    """Other writers print 1.0 as 1."""
    found = decode(Finish, {**through_json(FINISH), "wall_seconds": 200})
    assert type(found.wall_seconds) is float
    assert found == FINISH


def test_fault_of_a_record_itself_is_an_error_of_the_file() -> None:
    """A record that cannot exist cannot be read either."""
    document = through_json(hole(TWO[0], 1, Outcome.FAILED, "why"))
    document["reason"] = None
    with pytest.raises(DecodeError, match="a measured case has no reason, every other has one"):
        decode(Measurement, document)


def test_nothing_of_a_long_name_is_repeated_beyond_eighty_characters() -> None:
    """An error is one line, whatever the file holds."""
    with pytest.raises(DecodeError) as caught:
        decode(Preparation, {**through_json(preparation()), "y" * 5000: 1})
    assert len(str(caught.value)) < 120
