"""The dataset: a folder of Parquet files, one for each run or gate, that are never written again.

A folder may be any that fsspec has a name for, such as ``s3://bucket/path``: then a team shares it, and nobody can
overwrite what another one added, since a file is named by what it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from pandas import DataFrame
from pyarrow import dataset as arrow

from bench.record.case import DEFAULT_RANKS
from reports.history.entries import Entry
from reports.show.command import OptionError

SUFFIX = ".parquet"

SCHEMA = pa.schema(
    [
        ("entry", pa.string()),
        ("kind", pa.string()),
        ("began", pa.timestamp("us", tz="UTC")),
        ("commit", pa.string()),
        ("dirty", pa.bool_()),
        ("base", pa.string()),
        ("environment", pa.string()),
        ("facts", pa.string()),
        ("source", pa.string()),
        ("case", pa.string()),
        ("model", pa.string()),
        ("step", pa.string()),
        ("batch", pa.int64()),
        ("device", pa.string()),
        ("dtype", pa.string()),
        ("compile", pa.string()),
        ("layout", pa.string()),
        ("threads", pa.int64()),
        ("ranks", pa.string()),
        ("seconds", pa.float64()),
        ("seconds_low", pa.float64()),
        ("seconds_high", pa.float64()),
        ("replicates", pa.int64()),
        ("verdict", pa.string()),
        ("change", pa.float64()),
        ("change_low", pa.float64()),
        ("change_high", pa.float64()),
    ]
)
"""The columns, in base units. Of a gate `seconds` and `commit` are head's, and `base` is what it was compared with."""

WHAT = [name for name in SCHEMA.names if name != "facts"]
"""Everything but the facts, which only the beginning of a segment asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A history.

    Attributes:
        url: as it was named.
        files: of the file system that it lies in.
        folder: in that.
    """

    url: str
    files: AbstractFileSystem
    folder: str

    @classmethod
    def open(cls, url: str) -> Dataset:
        """Return the dataset of a folder, which need not be there yet.

        Raises:
            OptionError: if no file system has such names, or the library for it is missing.
        """
        try:
            files, folder = url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise OptionError(
                f"{url}: no such place for a history ({error}); name a folder or an fsspec URL"
            ) from error
        return cls(url=url, files=files, folder=folder)

    def add(self, entry: Entry) -> bool:
        """Add an entry; return False if it is there already.

        Raises:
            OSError: if the folder cannot be written.
        """
        path = f"{self.folder}/{entry.name}{SUFFIX}"
        if self.files.exists(path):
            return False
        self.files.makedirs(self.folder, exist_ok=True)
        table = pa.Table.from_pylist(list(entry.rows), schema=SCHEMA)
        part = f"{path}.part"
        try:
            with self.files.open(part, "wb") as file:
                pq.write_table(table, file, compression="zstd")
            self.files.mv(part, path)
        except BaseException:
            with suppress(OSError):  # a full disk: half a file is of no use to anybody
                self.files.rm(part)
            raise
        return True

    def read(self) -> DataFrame:
        """Return all that was added but the facts, the earliest first.

        Raises:
            OptionError: if there is nothing, or a file of it cannot be read.
        """
        frame = self._read(self._list_paths(), WHAT)
        if not (frame["seconds"] > 0).all():
            name = frame.loc[~(frame["seconds"] > 0), "entry"].iloc[0]
            raise OptionError(f"{self.url}: {name} holds a time that is none; take that file out of the folder")
        frame["ranks"] = frame["ranks"].fillna(DEFAULT_RANKS)
        return frame.sort_values(["began", "entry"], kind="stable", ignore_index=True)

    def read_facts(self, entries: Collection[str]) -> Mapping[str, str]:
        """Return the facts of entries as JSON, by their names.

        Raises:
            OptionError: if a file cannot be read, or there are no facts of an entry.
        """
        listed = self._list_paths()
        named = [path for path in listed if path.rsplit("/", 1)[-1].removesuffix(SUFFIX) in entries]
        paths = named if len(named) == len(entries) else listed  # somebody has renamed one
        frame = self._read(paths, ["entry", "facts"], where=arrow.field("facts").is_valid())
        facts = dict(zip(frame["entry"], frame["facts"], strict=True))
        if missing := sorted({*entries} - facts.keys()):
            raise OptionError(f"{self.url}: {missing[0]} has no facts; take that file out of the folder")
        return facts

    def _read(self, paths: Sequence[str], columns: Sequence[str], *, where: Any = None) -> DataFrame:
        """Return columns of files, of all rows or of those that fit an expression of pyarrow."""
        try:
            found = arrow.dataset(list(paths), schema=SCHEMA, format="parquet", filesystem=self.files)
            frame: DataFrame = found.to_table(columns=list(columns), filter=where).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise OptionError(self._name_unreadable(paths, error)) from error
        return frame

    def _list_paths(self) -> list[str]:
        try:
            paths = sorted(self.files.glob(f"{self.folder}/*{SUFFIX}"))
        except (FileNotFoundError, NotADirectoryError):
            paths = []
        if not paths:
            raise OptionError(f"{self.url}: no history is there yet; `python -m reports history add FILE` begins one")
        return [str(path) for path in paths]

    def _name_unreadable(self, paths: Sequence[str], error: Exception) -> str:
        """Return which file cannot be read, and what to do."""
        for path in paths:
            try:
                with self.files.open(path, "rb") as file:
                    arrow.dataset([path], schema=SCHEMA, format="parquet", filesystem=self.files).head(1)
                    pq.read_schema(file)
            except (pa.ArrowException, OSError) as own:
                reason = str(own).splitlines()[0][:200]
                return f"{path}: no part of a history ({reason}); take it out of the folder"
        return f"{self.url}: {str(error).splitlines()[0][:200]}"
