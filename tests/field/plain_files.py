"""Reads what pytest-benchmark alone has written, to judge it by the rules of other tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.files.decode_fields import DecodeError, decode
from bench.files.parse_json import (
    UnreadableError,
    content_of,
    parse,
)
from bench.record.conditions import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainBenchmark:
    """One benchmark of a file that pytest-benchmark alone has made.

    Attributes:
        fullname: the test.
        params: of its parametrisation, by name.
        seconds: per iteration, one value a round.
    """

    fullname: str
    params: Mapping[str, Scalar]
    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds or min(self.seconds) < 0:
            raise ValueError("seconds is empty or holds a negative value")


def read_plain(path: Path) -> list[PlainBenchmark]:
    """Return the benchmarks of a pytest-benchmark JSON, ours or any other, that holds its raw data.

    Raises:
        UnreadableError: if the file is missing, too large, not JSON, or not such a file.
    """
    document = parse(content_of(path), str(path))
    try:
        return [
            decode(
                PlainBenchmark,
                {"fullname": one["fullname"], "params": one["params"] or {}, "seconds": one["stats"]["data"]},
                f"benchmarks[{index}]",
            )
            for index, one in enumerate(document["benchmarks"])
        ]
    except (KeyError, TypeError) as error:
        raise UnreadableError(f"{path}: not a pytest-benchmark file with its data ({error!r})") from error
    except DecodeError as error:
        raise UnreadableError(f"{path}: {error}; the file is damaged: measure again") from error
