"""Amounts in Grafana's charts and tables: in the digits of their currency, and with its code.

The settings of a field are written before anybody chooses a tenant, so the answer says what they are: two columns,
which a transformation ("Config from query results") makes unit and decimals of the amounts. The code stands after the
amount, because Grafana would put a minus behind a sign before it.

Where the chosen tenants have several currencies, amounts of several tenants are left out, for they do not add up; in a
table whose rows are of one tenant each, the tenant's name is followed by its currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.models import dashboard

from dashboards.panel import Panel, PanelType
from dashboards.units import CODED, UNCODED
from kpis import currency
from kpis.kpi import Unit
from kpis.sql.dialect import Dialect

CHOOSE: Final = "or choose one tenant: currencies do not add up"
SETTINGS: Final = ("amount_unit", "amount_decimals")
_UNIT, _DECIMALS = SETTINGS
_ON_TIME: Final = frozenset({PanelType.TIME_SERIES, PanelType.TIME_BARS})
_TENANT, _TENANT_ID = "tenant", "tenant_id"


def amounts(panel: Panel) -> tuple[str, ...]:
    """Return the columns of amounts whose currency the answer has to say; a tile's own statement does already."""
    return () if panel.tile is not None else of_money(panel)


def of_money(panel: Panel) -> tuple[str, ...]:
    """Return the columns of amounts that a panel shows, a tile's as well."""
    return tuple(column.name for column in panel.columns if column.unit is Unit.MONEY and not column.hidden)


def is_by_tenant(panel: Panel) -> bool:
    """Whether each row or line of a panel is of one tenant."""
    return _TENANT in _names(panel)


def are_sums(panel: Panel) -> bool:
    """Whether the amounts of a panel may be of several tenants."""
    return bool(amounts(panel)) and not is_by_tenant(panel)


def on_time(panel: Panel) -> bool:
    """Whether amounts are on a time axis: their rows come as a table, of which a transformation makes series."""
    return bool(amounts(panel)) and panel.picture in _ON_TIME


def no_data(panel: Panel) -> str:
    """Return what an empty answer means, also that amounts of several currencies are left out."""
    return f"{panel.no_data}, {CHOOSE}" if are_sums(panel) and panel.picture is not PanelType.TABLE else panel.no_data


def statement(panel: Panel, sql: str, dialect: Dialect) -> str:
    """Return the statement of a panel with what Grafana has to know of its amounts; unchanged where it has none."""
    names = amounts(panel)
    if not names:
        return sql
    replaced, where = dict[str, str](), ""
    if not are_sums(panel):
        replaced = _named(panel, dialect)
    elif panel.picture is PanelType.TABLE:
        replaced = {name: f"if(amounts.3, NULL, {name})" for name in names}
    else:
        where = " WHERE NOT amounts.3"
    columns = ", ".join(f"{value} AS {name}" for name, value in replaced.items())
    return (
        f"WITH {currency.in_scope(dialect)} AS amounts\n"
        f"SELECT *{f' REPLACE ({columns})' if columns else ''}, {settings('amounts')} "
        f"FROM ({sql}){where}{' ORDER BY time' if panel.picture in _ON_TIME else ''}"
    )


def settings(scope: str) -> str:
    """Return the two columns of what Grafana has to know; ``scope`` is what ``kpis.currency.in_scope`` returned."""
    before, after = CODED
    unit = f"if({scope}.1 = '', '{UNCODED}', concat('{before}', {scope}.1, '{after}'))"
    return f"{unit} AS {_UNIT}, {scope}.2 AS {_DECIMALS}"


def _named(panel: Panel, dialect: Dialect) -> dict[str, str]:
    """Return the tenant's name with its currency, where they are not all the same."""
    id_ = _TENANT_ID if _TENANT_ID in _names(panel) else _TENANT
    codes = "mapFromArrays(groupArray(toString(user_id)), groupArray(currency))"
    own = f"(SELECT {codes} FROM {currency.of_tenants(dialect)})[toString({id_})]"
    name = f"toString({_TENANT})"
    return {_TENANT: f"if(amounts.1 = '' AND {own} != '', concat({name}, ' (', {own}, ')'), {name})"}


def _names(panel: Panel) -> set[str]:
    return {*panel.by, *(column.name for column in panel.columns)}


def transformations(panel: Panel) -> list[dashboard.DataTransformerConfig]:
    """Return what makes settings of the two columns, and series of the rows of a time axis."""
    names = amounts(panel)
    if not names:
        return []
    options = {
        "configRefId": next(iter(panel.asks)),
        "applyTo": {"id": "byNames", "options": {"mode": "include", "names": list(names)}},
        "mappings": [
            {"fieldName": _UNIT, "handlerKey": "unit", "reducerId": "lastNotNull"},
            {"fieldName": _DECIMALS, "handlerKey": "decimals", "reducerId": "lastNotNull"},
        ],
    }
    found = [
        dashboard.DataTransformerConfig(id_val="configFromData", options=options),
        dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"exclude": {"names": list(SETTINGS)}}),
    ]
    if on_time(panel) and panel.by:
        found.append(labelled(panel.by))
    return found


def labelled(by: Sequence[str]) -> dashboard.DataTransformerConfig:
    """Return the transformation that makes a series of the rows of each label; of no rows there is none."""
    options = {"fields": list(by), "keepFields": False, "naming": {"asLabels": True}}
    return dashboard.DataTransformerConfig(id_val="partitionByValues", options=options)
