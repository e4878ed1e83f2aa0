"""A validated request for an export."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from kpis.registry import ALL, get
from kpis.scope import Interval, Scope
from models.errors import InvalidRequest
from reports.export_tables import Exportable, exportable

# k of k-anonymity: a pseudonym is shown where at least this many customers share the same attributes.
K: Final = 5
# Excel's limit is 1,048,576 rows, and the first one is the heading.
XLSX_ROWS: Final = 1_048_575
MAX_ROWS: Final = 20_000_000
MAX_BYTES: Final = 8 * 1024**3


class ExportFormat(StrEnum):
    """The file format of an export."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"
    PARQUET = "parquet"


class CsvStyle(NamedTuple):
    """The style of a CSV file: plain (RFC 4180, ISO-8601 with an offset), or for Excel.

    For Excel it begins with a byte order mark, and times have no offset (UTC). ``decimal`` is a comma where the
    spreadsheet's language has one; ``separator`` is a semicolon then.
    """

    excel: bool = False
    separator: str = ","
    decimal: str = "."


PLAIN: Final = CsvStyle()


@dataclass(frozen=True)
class ExportRequest:
    """One export.

    Parameters
    ----------
    what
        A table of ``EXPORTABLE``, or the id of a key figure.
    scope
        Tenant, range and filters; a table can only be filtered by provider.
    by, every
        How a key figure is split.
    csv
        How a CSV file is written.
    customers
        Whether pseudonyms of customers are included; groups smaller than ``K`` stay anonymous.

    Raises
    ------
    SettingsError
        It is invalid; says what was expected.
    """

    what: str
    scope: Scope
    format: ExportFormat
    by: tuple[str, ...] = ()
    every: Interval | None = None
    customers: bool = False
    csv: CsvStyle = PLAIN

    def __post_init__(self) -> None:
        """Reject an invalid export."""
        if self.scope.start >= self.scope.end:
            raise InvalidRequest("from", "an export needs a range that ends after it begins (to)")
        if self.csv != PLAIN and self.format is not ExportFormat.CSV:
            raise InvalidRequest("format", f"separators and decimal signs are for csv, and this is {self.format}")
        if self.csv.separator == self.csv.decimal:
            raise InvalidRequest("separator", "is the decimal sign, too; take ';' for decimal commas")
        if self.what in ALL:
            self._check_kpi()
        else:
            self._check_table(exportable(self.what))

    @property
    def table(self) -> Exportable | None:
        """The table; ``None`` for a key figure."""
        return None if self.what in ALL else exportable(self.what)

    @property
    def most_rows(self) -> int:
        """Maximum number of rows of the file."""
        return XLSX_ROWS if self.format is ExportFormat.XLSX else MAX_ROWS

    def _check_kpi(self) -> None:
        kpi = get(self.what)
        if self.customers:
            raise InvalidRequest("customers", f"{kpi.id} is about no single customer; leave it out")

    def _check_table(self, table: Exportable) -> None:
        if self.by or self.every is not None:
            raise InvalidRequest("by" if self.by else "every", f"'{self.what}' is a table: this is for key figures")
        if set(self.scope.filters) - {"provider"}:
            narrowed = min(set(self.scope.filters) - {"provider"})
            raise InvalidRequest(narrowed, f"'{self.what}' can be narrowed by provider only")
        if self.scope.provider is not None and not table.provider:
            raise InvalidRequest("provider", f"'{self.what}' knows no integrations; leave it out")
        if self.customers and not table.per_customer:
            raise InvalidRequest("customers", f"'{self.what}' holds nothing of single customers; leave it out")


def check_rows(request: ExportRequest, rows: int) -> None:
    """Reject an export with too many rows for its format.

    Raises
    ------
    SettingsError
        Names the number of rows and the maximum.
    """
    if rows <= request.most_rows:
        return
    if request.format is ExportFormat.XLSX:
        raise InvalidRequest(
            "format",
            f"an Excel sheet holds {XLSX_ROWS:,} rows below its heading, and this export has {rows:,}; take csv or "
            "parquet, or a shorter range",
        )
    raise InvalidRequest(
        "from", f"an export has at most {MAX_ROWS:,} rows, and this one has {rows:,}; take a shorter range"
    )
