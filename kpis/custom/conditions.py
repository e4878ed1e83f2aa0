"""Conditions of user-defined figures: a small part of SQL, parsed and written anew.

sqlglot parses the text; only comparisons of declared columns with literals, ``IN``, ``BETWEEN``, ``IS NULL``, ``AND``,
``OR`` and ``NOT`` are taken. The SQL is made from the tree, so nothing of the text itself reaches a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from kpis.custom.columns import ColumnType
from models.counting import counted

MAX_LENGTH: Final = 1_000
# A literal stands in statements of ClickHouse and in panels, where Grafana replaces $..., ${...} and [[...]].
_TEXT: Final = re.compile(r"(?!.*\[\[)[^\x00-\x1f\x7f-\x9f\\$'{}]{0,128}")
_NUMBER: Final = re.compile(r"\d{1,15}(\.\d{1,9})?")
_COMPARISONS: Final[Mapping[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_ORDERED: Final = frozenset({">", ">=", "<", "<="})
_EXPECTED: Final = "expected comparisons of columns with values, IN, BETWEEN, IS NULL, AND, OR and NOT"


class ConditionError(ValueError):
    """A condition cannot be used; says what was expected."""


def condition_sql(text: str, columns: Mapping[str, ColumnType]) -> str:
    """Return the SQL of a condition over the columns of a source.

    Raises
    ------
    ConditionError
        It is no condition, names another column, or compares a column with a value of another type.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"expected at most {MAX_LENGTH:,} characters")
    try:
        parsed = sqlglot.parse(text, dialect="clickhouse")
    except (SqlglotError, RecursionError) as error:
        reason = str(error).partition("\n")[0].partition(". Line")[0]
        raise ConditionError(f"'{text}' cannot be read ({reason}); {_EXPECTED}") from None
    if len(parsed) != 1 or parsed[0] is None:
        raise ConditionError(f"found {counted(len(parsed), 'statement')}; {_EXPECTED}")
    return _Writer(columns).write(parsed[0])


class _Writer:
    """Writes the SQL of a parsed condition."""

    def __init__(self, columns: Mapping[str, ColumnType]) -> None:
        self._columns = columns

    def write(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            return self.write(node.this)
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self.write(node.left)} {word} {self.write(node.right)})"
        if isinstance(node, exp.Not):
            return f"(NOT {self.write(node.this)})"
        return self._simple(node)

    def _simple(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Column):
            return self._yes_no(node)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            name, type_ = self._column(node.this)
            if type_ is not ColumnType.NUMBER:
                raise ConditionError(
                    f"{name} is {_a(type_)}, which is never NULL; compare text that was not given with ''"
                )
            return f"({name} IS NULL)"
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Between):
            return self._between(node)
        if (operator := _COMPARISONS.get(type(node))) is not None:
            return self._comparison(node, operator)
        raise ConditionError(f"'{_shown(node)}' is not taken; {_EXPECTED}")

    def _between(self, node: exp.Between) -> str:
        name, type_ = self._column(node.this)
        _require_number(name, type_, "BETWEEN")
        low, high = (self._value(node.args[end], name, type_) for end in ("low", "high"))
        return f"({name} BETWEEN {low} AND {high})"

    def _comparison(self, node: exp.Expr, operator: str) -> str:
        name, type_ = self._column(node.this)
        if operator in _ORDERED:
            _require_number(name, type_, operator)
        return f"({name} {operator} {self._value(node.expression, name, type_)})"

    def _in(self, node: exp.In) -> str:
        name, type_ = self._column(node.this)
        if set(filter(node.args.get, node.args)) != {"this", "expressions"}:
            raise ConditionError(f"'{_shown(node)}' is not taken; expected a list, for example {name} IN ('a', 'b')")
        values = ", ".join(self._value(one, name, type_) for one in node.expressions)
        return f"({name} IN ({values}))"

    def _yes_no(self, node: exp.Column) -> str:
        name, type_ = self._column(node)
        if type_ is not ColumnType.YES_NO:
            raise ConditionError(f"{name} is {_a(type_)}, not a condition by itself; compare it with a value")
        return name

    def _column(self, node: exp.Expr) -> tuple[str, ColumnType]:
        if not isinstance(node, exp.Column) or set(filter(node.args.get, node.args)) != {"this"}:
            raise ConditionError(f"'{_shown(node)}' is not a column; expected one of {', '.join(self._columns)}")
        name, type_ = column(node.name, self._columns)
        if type_ is ColumnType.ID:
            raise ConditionError(f"{name} is an id; only a figure of kind distinct takes it")
        return name, type_

    def _value(self, node: exp.Expr, name: str, type_: ColumnType) -> str:
        negative = isinstance(node, exp.Neg)
        literal = node.this if negative else node
        if type_ is ColumnType.NUMBER:
            if isinstance(literal, exp.Literal) and not literal.is_string and _NUMBER.fullmatch(literal.this):
                return f"{'-' if negative else ''}{literal.this}"
        elif type_ is ColumnType.YES_NO:
            if isinstance(node, exp.Boolean):
                return "true" if node.this else "false"
        elif isinstance(node, exp.Literal) and node.is_string and _TEXT.fullmatch(node.this):
            return f"'{node.this}'"
        wanted = {
            ColumnType.NUMBER: "a number such as 2000 or 0.5",
            ColumnType.YES_NO: "true or false",
        }.get(type_, "text of at most 128 characters in quotes, without $, [[, \\, ' and braces")
        raise ConditionError(f"{name} is {_a(type_)}, compared with '{_shown(node)}'; expected {wanted}")


def column(name: str, columns: Mapping[str, ColumnType]) -> tuple[str, ColumnType]:
    """Return a declared column and its type.

    Raises
    ------
    ConditionError
        There is no such column; suggests similar ones.
    """
    if name in columns:
        return name, columns[name]
    alike = get_close_matches(name, columns, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(alike)}?" if alike else f"expected one of {', '.join(columns)}"
    raise ConditionError(f"there is no column '{name}'; {hint}")


def _require_number(name: str, type_: ColumnType, operator: str) -> None:
    if type_ is not ColumnType.NUMBER:
        raise ConditionError(f"{name} is {_a(type_)}; {operator} is for numbers, use =, != or IN")


def _a(type_: ColumnType) -> str:
    return {"text": "text", "number": "a number", "yes or no": "yes or no", "id": "an id"}[type_.value]


def _shown(node: exp.Expr) -> str:
    text = node.sql(dialect="clickhouse", comments=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
