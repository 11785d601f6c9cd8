"""One writer of everything that is shown: each file whole, or the old one untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.files.whole import write_whole


class NothingToDrawError(Exception):
    """There is nothing that a picture could show; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What is made at once and written side by side: a table, or a picture in each of its formats.

    Attributes:
        names: of the files.
        make: returns the content of each; raises NothingToDrawError where there is none.
    """

    names: tuple[str, ...]
    make: Callable[[], Sequence[bytes]]


def text_output(name: str, make: Callable[[], str]) -> Output:
    """Return the output of one text in one file."""
    return Output(names=(name,), make=lambda: [make().encode()])


def whatever_happens(output: Output) -> Output:
    """Return an output that has nothing to show where making it fails: it is never worth a result.

    A full disk or a folder that cannot be written is no failure of making it.
    """

    def make() -> Sequence[bytes]:
        try:
            return output.make()
        except NothingToDrawError:
            raise
        except Exception as error:
            raise NothingToDrawError(f"it cannot be made: {type(error).__name__}: {error}") from error

    return Output(names=output.names, make=make)


def write_outputs(folder: Path, outputs: Iterable[Output], *, say: Callable[[str], None] | None = None) -> list[Path]:
    """Write outputs into a folder, one after the other; return the files.

    Older files of an output that has nothing to show are removed, so that none stands beside tables of another run.

    Args:
        folder: made if it is not there.
        outputs: what to write.
        say: takes a sentence for each output that has nothing to show.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for output in outputs:
        paths = [folder / name for name in output.names]
        try:
            contents = output.make()
        except NothingToDrawError as nothing:
            for path in paths:
                path.unlink(missing_ok=True)
            if say:
                say(f"{paths[0].stem}: {nothing}")
            continue
        for path, content in zip(paths, contents, strict=True):
            write_whole(path, content)
            written.append(path)
    return written
