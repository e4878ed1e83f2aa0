"""The currency of amounts, from the tenant's settings. Only amounts of one currency are added up."""

from __future__ import annotations

from typing import Final

from kpis.sql.dialect import Dialect

SEVERAL: Final = (
    "choose a tenant, or split by tenant: amounts of several tenants add up only where all have set the same currency"
)
"""The note shown instead of a sum over different currencies."""

_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "PLN": "zł ", "CHF": "CHF "}


def of_tenants(dialect: Dialect) -> str:
    """Return a subquery: the currency (ISO 4217) in force at the end of the range, one row per tenant that set one."""
    return (
        "(SELECT user_id, argMax(value, effective_from) AS currency FROM tenant_settings FINAL "
        f"WHERE {dialect.tenant('user_id')} AND setting = 'currency' AND effective_from <= toDate({dialect.end}) "
        "GROUP BY user_id)"
    )


def do_not_add_up(tenants: str, currency: str) -> str:
    """Return the condition that a group has several currencies.

    Parameters
    ----------
    tenants
        Aggregate expression for the number of tenants.
    currency
        The column of currencies, empty where none is set.
    """
    return f"({tenants} > 1 AND (uniqExact({currency}) > 1 OR min({currency}) = ''))"


def symbol(dialect: Dialect) -> str:
    """Return a scalar subquery: the currency prefix of an amount, empty where tenants have different currencies."""
    known = ", ".join(f"'{code}'" for code in _SYMBOLS), ", ".join(f"'{sign}'" for sign in _SYMBOLS.values())
    return (
        f"(SELECT if(uniqExact(currency) = 1, transform(any(currency), [{known[0]}], [{known[1]}], "
        f"concat(any(currency), ' ')), '') FROM {of_tenants(dialect)})"
    )
