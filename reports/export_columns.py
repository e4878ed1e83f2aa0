"""Column-wise transformations of exports: CSV injection, lists as text, anonymisation of small groups."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from reports.csv_injection import FORMULA
from reports.export_tables import CUSTOMER, Exportable

_BETWEEN: Final = "\x1f"


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch for a spreadsheet: lists joined with commas, formulas neutralised."""
    columns = {name: _disarmed(_joined(batch.column(name))) for name in batch.schema.names}
    return pa.RecordBatch.from_pydict(columns)


def for_excel(batch: pa.RecordBatch, decimal: str) -> pa.RecordBatch:
    """Return a batch with times and decimal signs in Excel's format."""
    columns: dict[str, Any] = {}
    for name in batch.schema.names:
        column: Any = batch.column(name)
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column.cast(pa.timestamp("s", column.type.tz), safe=False), "%Y-%m-%d %H:%M:%S")
        elif decimal != "." and (pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
            column = pc.replace_substring(column.cast(pa.string()), ".", decimal)
        columns[name] = column
    return pa.RecordBatch.from_pydict(columns)


def unnamed(batch: pa.RecordBatch, table: Exportable, groups: Collection[Sequence[str]]) -> tuple[pa.RecordBatch, int]:
    """Return a batch without customers of the given small groups, and the number of affected rows.

    Columns that identify or describe the customer are emptied, except the tenant; or the row is left out, depending on
    the table.
    """
    if not groups or not table.per_customer:
        return batch, 0
    # pyarrow's stubs lack scalar arguments of its functions.
    described: list[Any] = [*(batch.column(name) for name in table.group), _BETWEEN]
    customer: Any = batch.column(CUSTOMER)
    keys = pc.binary_join_element_wise(*described)
    of_small = pc.is_in(keys, value_set=pa.array([_BETWEEN.join(group) for group in groups], keys.type))
    hit: Any = pc.and_(of_small, pc.not_equal(customer, pa.scalar("", customer.type)))
    concerned = int(hit.true_count)
    if not concerned:
        return batch, 0
    if table.small == "leave out":
        return batch.filter(pc.invert(hit)), concerned
    emptied = {CUSTOMER, "conversation_id", *table.group} - {"user_id"}
    columns = {
        name: pc.if_else(hit, "", batch.column(name)) if name in emptied else batch.column(name)
        for name in batch.schema.names
    }
    return pa.RecordBatch.from_pydict(columns, schema=batch.schema), concerned


def _joined(column: Any) -> Any:
    if not pa.types.is_list(column.type):
        return column
    return pc.binary_join(column.cast(pa.list_(pa.string())), ", ")  # it accepts no list of non-null columns


def _disarmed(column: Any) -> Any:
    """Return a text column with the apostrophes of ``csv_injection``."""
    if not pa.types.is_string(column.type):
        return column
    mask = pc.match_substring_regex(column, FORMULA)
    if not pc.any(mask).as_py():
        return column
    return pc.if_else(mask, pc.binary_join_element_wise("'", column, ""), column)
