"""The currency of amounts: a tenant's own, from its settings. Amounts of one currency add up, others do not."""

from __future__ import annotations

from typing import Final

from kpis.sql.dialect import Dialect

SEVERAL: Final = (
    "choose a tenant, or split by tenant: amounts of several tenants add up only where all have set the same currency"
)
"""What is said in place of a sum of amounts that do not add up."""

_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "PLN": "zł ", "CHF": "CHF "}


def of_tenants(dialect: Dialect) -> str:
    """Return a subquery: the currency (ISO 4217) in force at the end of the range, one row per tenant that set one."""
    return (
        "(SELECT user_id, argMax(value, effective_from) AS currency FROM tenant_settings FINAL "
        f"WHERE {dialect.tenant('user_id')} AND setting = 'currency' AND effective_from <= toDate({dialect.end}) "
        "GROUP BY user_id)"
    )


def do_not_add_up(tenants: str, currency: str) -> str:
    """Return the condition that amounts of a group must not be added up.

    Parameters
    ----------
    tenants
        The aggregate that counts the group's tenants.
    currency
        The column of their currencies, empty where none is set.
    """
    return f"({tenants} > 1 AND (uniqExact({currency}) > 1 OR min({currency}) = ''))"


def symbol(dialect: Dialect) -> str:
    """Return a scalar subquery: what to write before an amount, empty where the tenants have no one currency."""
    known = ", ".join(f"'{code}'" for code in _SYMBOLS), ", ".join(f"'{sign}'" for sign in _SYMBOLS.values())
    return (
        f"(SELECT if(uniqExact(currency) = 1, transform(any(currency), [{known[0]}], [{known[1]}], "
        f"concat(any(currency), ' ')), '') FROM {of_tenants(dialect)})"
    )
