"""Finds stored files of reports and exports with data of a tenant or of a customer."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from clickhouse_connect.driver.client import Client

from storage.reading import query_rows

_FILES: Final = "SELECT DISTINCT file_url FROM generated_reports WHERE user_id = {tenant:UUID}"
# PDF and images cannot be searched; reports contain no customers, and exports are never PDF.
UNSEARCHABLE: Final = frozenset({".pdf"})
# RuntimeError: a member of an archive is encrypted; NotImplementedError: packed in an unknown way.
_UNREADABLE: Final = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, pa.ArrowException)


def report_files(client: Client, tenant: UUID) -> list[Path]:
    """Return the files of a tenant's reports on this machine, with their text files."""
    paths = [
        Path(unquote(urlsplit(row["file_url"]).path)) for row in query_rows(client, _FILES, {"tenant": str(tenant)})
    ]
    return [file for path in paths for file in (path, path.with_suffix(".txt")) if file.is_file()]


class Searched(NamedTuple):
    """Files that contain a word, and files that could not be searched: damaged, encrypted, or not ours to read."""

    naming: list[Path]
    unreadable: list[Path]


def search(files: Iterable[Path], words: Sequence[str]) -> Searched:
    """Return the files that contain any of the words; a file that cannot be read does not end the search."""
    found = Searched([], [])
    for file in files:
        try:
            if _names(file, words):
                found.naming.append(file)
        except FileNotFoundError:
            continue
        except _UNREADABLE:
            found.unreadable.append(file)
    return found


def _names(file: Path, words: Sequence[str]) -> bool:
    if file.suffix.lower() == ".parquet":
        return _in_parquet(file, words)
    needles = [word.encode() for word in words]
    return any(needle in content for content in _contents(file) for needle in needles)


def _contents(file: Path) -> Iterator[bytes]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    elif file.suffix.lower() == ".gz":
        with gzip.open(file) as packed:
            yield packed.read()
    else:
        yield file.read_bytes()


def _in_parquet(file: Path, words: Sequence[str]) -> bool:
    for batch in pq.ParquetFile(file).iter_batches():
        for column in batch.columns:
            text: Any = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            is_text = pa.types.is_string(text.type) or pa.types.is_large_string(text.type)
            if is_text and any(pc.any(pc.match_substring(text, word)).as_py() for word in words):
                return True
    return False
