"""The SQL of a definition's formula."""

from __future__ import annotations

from collections.abc import Callable

from kpis.contribution import Makeup
from kpis.custom.columns import ColumnType, CustomSource
from kpis.custom.conditions import ConditionError, column, condition_sql
from kpis.custom.definition import FormulaKind, FormulaText
from kpis.sql.formulas import Formula, Term, mean, quotient, share, total
from models.errors import ConfigurationError
from models.nearest_rank import nearest_rank_of

Wrong = Callable[[str, str], ConfigurationError]
"""Returns the error of a field of the formula; the arguments are the field and what is wrong with it."""


def formula_of(given: FormulaText, source: CustomSource, wrong: Wrong) -> Formula:
    """Return value, volume and bounds as SQL over a source's rows.

    Raises
    ------
    ConfigurationError
        A column or a condition cannot be used; made by ``wrong``.
    """
    return _Formulas(given, source, wrong).of_kind()


class _Formulas:
    def __init__(self, given: FormulaText, source: CustomSource, wrong: Wrong) -> None:
        self._given = given
        self._source = source
        self._wrong = wrong
        self._where = self._condition(given.where, "where")

    def of_kind(self) -> Formula:
        makers: dict[FormulaKind, Callable[[], Formula]] = {
            FormulaKind.SHARE: self._share,
            FormulaKind.COUNT: lambda: total(self._rows(), self._rows()),
            FormulaKind.DISTINCT: self._distinct,
            FormulaKind.RATIO: self._ratio,
            FormulaKind.MEAN: lambda: mean(self._number()),
            FormulaKind.SUM: lambda: total(Term(f"sum({self._number()})"), Term(f"count({self._number()})")),
            FormulaKind.QUANTILE: self._quantile,
        }
        return makers[self._given.kind]()

    def _rows(self) -> Term:
        return Term(f"countIf({self._where})")

    def _share(self) -> Formula:
        of = self._condition(self._given.of, "of")
        return share(Term(f"countIf({self._where} AND {of})"), self._rows())

    def _distinct(self) -> Formula:
        name = self._column(self._given.column, "column", ColumnType.TEXT, ColumnType.ID)
        there = f"{self._where} AND toString({name}) != ''"
        counted = total(Term(f"uniqExactIf({name}, {there})"), Term(f"countIf({there})"))
        return counted._replace(makeup=Makeup.NEITHER)  # one value may be in several parts

    def _ratio(self) -> Formula:
        numerator = self._column(self._given.numerator, "numerator", ColumnType.NUMBER)
        denominator = self._column(self._given.denominator, "denominator", ColumnType.NUMBER)
        above, below = (Term(f"sumIf(toFloat64({name}), {self._where})") for name in (numerator, denominator))
        return quotient(above, below)

    def _quantile(self) -> Formula:
        number = self._number()
        ranked = nearest_rank_of(f"groupArray({number})", self._given.q or 0.0)
        return Formula(f"if(count({number}) = 0, NULL, {ranked})", f"count({number})")

    def _number(self) -> str:
        name = self._column(self._given.column, "column", ColumnType.NUMBER)
        return f"if({self._where}, toFloat64({name}), NULL)"

    def _condition(self, text: str | None, field: str) -> str:
        if text is None:
            return "true"
        try:
            return condition_sql(text, self._source.columns)
        except ConditionError as error:
            raise self._wrong(field, str(error)) from None

    def _column(self, name: str | None, field: str, *wanted: ColumnType) -> str:
        try:
            found, type_ = column(name or "", self._source.columns)
        except ConditionError as error:
            raise self._wrong(field, str(error)) from None
        if type_ not in wanted:
            fitting = ", ".join(one for one, kind in self._source.columns.items() if kind in wanted)
            raise self._wrong(field, f"{name} is {type_.value}; expected one of {fitting}")
        return found
