"""Labels of a series: incidents as periods in a separate file, or as a column of the series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cli.series_csv import CsvRows
from cli.series_times import TimeFormat, TimeReader
from detectors.series.backtest import Incident
from models.errors import SettingsError

_STARTS: Final = frozenset({"start", "started_at", "start_time", "begin", "from"})
_ENDS: Final = frozenset({"end", "ended_at", "end_time", "stop", "to", "until"})
_YES: Final = frozenset({"1", "true", "t", "yes", "y", "anomaly", "incident"})
_NO: Final = frozenset({"", "0", "false", "f", "no", "n", "normal", "nan", "null", "none"})


def read_incidents(path: str, format_: TimeFormat, encoding: str, like: TimeReader | None) -> list[Incident]:
    """Return the incidents of a CSV file with a column of starts and one of ends; an empty end is the start.

    Times are read in the given format, where that does not fit they are recognised; numbers mean what they mean in the
    series (``like``).

    The columns are called start and end (or from and to, started_at and ended_at, ...); a file with exactly two
    columns, or with one, whose incidents are moments, may call them anything.
    """
    with CsvRows(path, format_, encoding) as rows:
        start, end = _columns(rows)
        rows.times.follow(like)
        incidents = []
        for line, cells in rows:
            begins = rows.time(line, cells, start)
            ends = begins if end >= len(cells) or not cells[end].strip() else rows.time(line, cells, end)
            if ends < begins:
                raise SettingsError(f"{path}: line {line} ends before it starts")
            incidents.append(Incident(begins, ends))
    return incidents


class LabelColumn:
    """Collects incidents from a label column: consecutive labelled rows form one incident."""

    def __init__(self, rows: CsvRows, name: str) -> None:
        self._rows = rows
        self._position = rows.column("--label", name)
        self._open = False
        self.incidents: list[Incident] = []

    def take(self, line: int, cells: Sequence[str], time: float) -> None:
        """Add a row."""
        if not self._says_yes(line, cells):
            self._open = False
        elif self._open:
            last = self.incidents[-1]
            self.incidents[-1] = Incident(min(last.start, time), max(last.end, time))
        else:
            self._open = True
            self.incidents.append(Incident(time, time))

    def _says_yes(self, line: int, cells: Sequence[str]) -> bool:
        text = cells[self._position].strip() if self._position < len(cells) else ""
        if text.lower() in _YES:
            return True
        if text.lower() in _NO:
            return False
        try:
            return float(text) != 0.0
        except ValueError:
            raise SettingsError(
                f"{self._rows.path}: line {line}, column '{self._rows.columns[self._position]}' is '{text[:40]}'; "
                "expected 1 or true where something was wrong, 0 or false elsewhere"
            ) from None


def _columns(rows: CsvRows) -> tuple[int, int]:
    names = [name.lower() for name in rows.columns]
    starts = [position for position, name in enumerate(names) if name in _STARTS]
    ends = [position for position, name in enumerate(names) if name in _ENDS]
    if starts and ends:
        return starts[0], ends[0]
    if len(names) <= 2:
        return 0, len(names) - 1
    raise SettingsError(f"{rows.path} has the columns {', '.join(rows.columns)}; expected start and end")
