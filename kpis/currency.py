"""The currency of amounts, from the tenant's settings. Only amounts of one currency are added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from kpis.scope import Scope
from kpis.sql.dialect import Bound, Dialect
from models.query import Query

SEVERAL: Final = (
    "choose a tenant, or split by tenant: amounts of several tenants add up only where all have set the same currency"
)
"""The note shown instead of a sum over different currencies."""

_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "PLN": "zł ", "CHF": "CHF "}

_CODES_OF_DIGITS: Final = {
    0: ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"],
    3: ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"],
    4: ["CLF", "UYW"],
}
"""Currencies by the digits of their minor unit (ISO 4217), where these are not two."""
_CENTS: Final = 2
KEPT_DIGITS: Final = 4
"""Digits after the point that are kept of an amount: no currency has more."""


def prefix(code: str) -> str:
    """Return what stands before an amount of a currency."""
    return _SYMBOLS.get(code, f"{code} ")


def digits(code: str) -> int:
    """Return how many digits amounts of a currency have after the point; two where none is known (``""``)."""
    return next((found for found, codes in _CODES_OF_DIGITS.items() if code in codes), _CENTS)


def plain(value: Decimal, form: str = "") -> str:
    """Return an amount whose currency is not known: two to four digits after the point; ``form`` may be ``","``."""
    whole, _, part = f"{value:{form}.{KEPT_DIGITS}f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<{_CENTS}}"


def in_force(scope: Scope) -> Query:
    """Return the question for the currency of a scope's amounts: one row, empty where tenants have several or none."""
    bound = Bound(scope)
    sql = f"SELECT if(uniqExact(currency) = 1, any(currency), '') AS currency FROM {of_tenants(bound)}"
    return Query(sql, bound.parameters)


def of_each(scope: Scope) -> Query:
    """Return the question for the currencies of a scope's tenants: ``user_id``, ``currency`` of those that set one."""
    bound = Bound(scope)
    return Query(f"SELECT user_id, currency FROM {of_tenants(bound)}", bound.parameters)


def written(value: float | Decimal, code: str) -> str:
    """Return an amount of a currency as text, for example ``-€396.67`` or ``¥397``."""
    bare = unsigned(value, code)
    return f"-{prefix(code)}{bare[1:]}" if bare.startswith("-") else f"{prefix(code)}{bare}"


def unsigned(value: float | Decimal, code: str) -> str:
    """Return an amount in the digits of a currency without its sign, for tables whose title names it."""
    number = f"{abs(value):,.{digits(code)}f}"
    # What rounds to nothing has no minus.
    return f"-{number}" if value < 0 and number.strip("0.") else number


def amount(value: str, sign: str) -> str:
    """Return the SQL of an amount as text in the digits of its currency, for example ``-€396.67`` or ``¥397``.

    Parameters
    ----------
    value
        An expression of a number.
    sign
        An expression of the prefix (``symbol``), empty where the currency is not known.
    """
    signed = f"toFloat64({value})"
    number = f"abs({signed})"
    exact = _by_digits(sign, lambda places: f"toDecimalString(round({number}, {places}), {places})")
    # What rounds to nothing has no minus.
    below = f"{_by_digits(sign, lambda places: f'round({signed}, {places})')} < 0"
    # From where rounding makes 1,000 K of it.
    short = (
        f"multiIf({number} >= 999950, concat(toString(round({number} / 1e6, 2)), ' M'), "
        f"{number} >= 1e4, concat(toString(round({number} / 1e3, 1)), ' K'), {exact})"
    )
    return f"concat(if({below}, '-', ''), {sign}, {short})"


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(f"'{prefix(code)}'" for code in codes)


def _by_digits(sign: str, value: Callable[[int], str]) -> str:
    """Return the SQL of a value that depends on the digits of the currency whose prefix is ``sign``."""
    cases = (f"{sign} IN ({_listed(codes)}), {value(places)}" for places, codes in _CODES_OF_DIGITS.items())
    return f"multiIf({', '.join(cases)}, {value(_CENTS)})"


def _by_code(code: str) -> str:
    """Return the SQL of the digits after the point of a currency, an expression."""
    cases = (f"{code} IN ({', '.join(map(repr, codes))}), {places}" for places, codes in _CODES_OF_DIGITS.items())
    return f"multiIf({', '.join(cases)}, {_CENTS})"


def of_tenants(dialect: Dialect) -> str:
    """Return a subquery: the currency (ISO 4217) in force at the end of the range, one row per tenant that set one."""
    return of_those(dialect.tenant("user_id"), dialect.end)


def of_those(tenants: str, at: str) -> str:
    """Return the subquery of ``of_tenants`` for the tenants of a predicate, at the time of an expression."""
    return (
        "(SELECT user_id, argMax(value, effective_from) AS currency FROM tenant_settings FINAL "
        f"WHERE {tenants} AND setting = 'currency' AND effective_from <= toDate({at}) GROUP BY user_id)"
    )


def in_scope(dialect: Dialect) -> str:
    """Return a scalar subquery on the currencies of a scope's tenants: a tuple of three.

    The code (ISO 4217) that all of them have, or empty; the digits after the point of the one with most; and whether
    amounts of several tenants do not add up.
    """
    return (
        "(SELECT if(uniqExact(currency) = 1, any(currency), ''), "
        f"if(count() = 0, {_CENTS}, max({_by_code('currency')})), {do_not_add_up('count()', 'currency')} "
        "FROM (SELECT user_id, max(currency) AS currency FROM "
        f"(SELECT user_id, '' AS currency FROM known_tenants WHERE {dialect.tenant('user_id')} "
        f"UNION ALL SELECT user_id, currency FROM {of_tenants(dialect)}) GROUP BY user_id))"
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
