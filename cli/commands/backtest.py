"""``romashka backtest``: runs a detector over a stored series."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, TextIO
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from cli import console
from cli.arguments import MOMENT, Zone, moment, said, tenant_id
from cli.backtest_series import CsvSeries, counts, history, parsed_moment, values
from cli.console import table
from cli.series_csv import CsvRows, parsed_interval
from cli.series_labels import LabelColumn, read_incidents
from cli.series_times import checked_format
from cli.settings import settings
from detectors.series.backtest import THRESHOLD, AlarmEpisode, AlarmQuality, Backtest, Incident
from kpis.scope import zone
from models.counting import agreeing, counted
from models.errors import SettingsError
from storage.clickhouse_detectors import ClickHouseDetectors

_ADDED: Final = ("score", "threshold", "is_anomaly", "episode")
_SHOWN_EPISODES: Final = 50
_HISTORY_DAYS: Final = 14
_PROGRESS_ROWS: Final = 500


def run(
    file: Annotated[str | None, typer.Argument(help="CSV with a header; - reads standard input")] = None,
    time: Annotated[
        str | None, typer.Option(help="Column of times; if not given, one called time, timestamp, datetime, date or ts")
    ] = None,
    value: Annotated[str | None, typer.Option(help="Column of numbers of any kind and scale")] = None,
    count: Annotated[str | None, typer.Option(help="Column of counts, for example queries a minute")] = None,
    errors: Annotated[str | None, typer.Option(help="Column of failures among the count")] = None,
    latency: Annotated[
        str | None, typer.Option(help="Column of mean latency in ms; alone it is treated like --value")
    ] = None,
    time_format: Annotated[
        str,
        typer.Option(help="Format of times: s, ms, us, ns, excel, excel1904, or a pattern such as '%d.%m.%Y %H:%M'"),
    ] = "",
    day_first: Annotated[bool, typer.Option("--day-first", help="Dates such as 05/01/2026 begin with the day")] = False,
    decimal: Annotated[
        str, typer.Option(help="Decimal separator of numbers, . or ,; the other separates thousands")
    ] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of the files, such as utf-16; UTF-8 if not given")] = "",
    every: Annotated[
        str, typer.Option(help="Time between rows, such as 5m; inferred from the first rows if not given")
    ] = "",
    labels: Annotated[str, typer.Option(help="CSV of labelled anomalies with columns start and end")] = "",
    label: Annotated[str, typer.Option(help="Column of FILE that is 1 or true for labelled anomalies")] = "",
    out: Annotated[str, typer.Option(help="File for the scored rows; - is standard output")] = "",
    tenant: Annotated[str, typer.Option(help="Instead of FILE: stored history of this tenant (its user_id)")] = "",
    provider: Annotated[str, typer.Option(help="... and of this integration, by minute")] = "",
    start: Annotated[
        str, typer.Option("--from", metavar=MOMENT, help="... start of the range; 14 days before --to if not given")
    ] = "",
    end: Annotated[str, typer.Option("--to", metavar=MOMENT, help="... end of the range; now if not given")] = "",
    time_zone: Zone = "UTC",
) -> None:
    """Run a detector over a series as it would have run live, and show its findings.

    Nothing about a row comes from later rows. --out keeps the rows in order with all their columns and adds score,
    threshold, is_anomaly (1 or 0) and episode (a running number, else empty). Empty, NaN and null cells are gaps.

    Example: `romashka backtest cpu.csv --time timestamp --value value --out scored.csv --labels labels.csv`

    Example: `romashka backtest calls.csv --time time --count n --errors e --latency latency_ms --every 1m`

    Example: `romashka backtest export.csv --value kWh --day-first --decimal , --encoding utf-16`

    Example: `romashka backtest --tenant 6f1c… --provider hubspot --from 2026-11-01 --to 2026-11-15`
    """
    printer = console.err if out == "-" else console.out
    format_ = checked_format(time_format, day_first=day_first, decimal=decimal, time_zone=time_zone)
    incidents: list[Incident] | None = None
    if file is None:
        if not (tenant and provider):
            raise SettingsError("give a CSV file, or --tenant and --provider for what is stored")
        series = _stored(tenant, provider, start, end, time_zone)
        if labels:
            incidents = read_incidents(labels, format_, encoding, None)
        test, _ = _judge(series, None, out, lambda: 0, None)
    else:
        interval = parsed_interval("--every", every) if every else None
        if out not in {"", "-"} and Path(out).resolve() == Path(file).resolve():
            raise SettingsError(f"--out is the input file {file}; give it another name")
        with CsvRows(file, format_, encoding) as source:
            series = _from_file(source, time, value, count, errors, latency, interval)
            if labels:
                incidents = read_incidents(labels, format_, encoding, source.times)
            column = LabelColumn(source, label) if label else None
            test, labelled = _judge(series, column, out, source.position, source.size)
        if labelled is not None:
            incidents = [*(incidents or []), *labelled]
        _check(test, file)
    _show(printer, test, incidents, out, zone(time_zone))


def _from_file(
    source: CsvRows,
    time: str | None,
    value: str | None,
    count: str | None,
    errors: str | None,
    latency: str | None,
    every: timedelta | None,
) -> CsvSeries:
    """Return the series for the options."""
    if value is not None:
        if count is not None or errors is not None or latency is not None:
            raise SettingsError("--value stands alone; give it, or --count with --errors and --latency")
        return values(source, time, ("--value", value), every)
    if count is not None:
        return counts(source, time, count, errors, latency, every)
    if errors is not None:
        raise SettingsError("--errors needs --count: how many there were in all")
    if latency is not None:
        return values(source, time, ("--latency", latency), every)
    raise SettingsError(f"--value or --count is missing: name a column, one of {', '.join(source.columns)}")


def _stored(tenant: str, provider: str, start: str, end: str, time_zone: str) -> CsvSeries:
    until = moment("--to", end, time_zone) if end else datetime.now(UTC).replace(second=0, microsecond=0)
    since = moment("--from", start, time_zone) if start else until - timedelta(days=_HISTORY_DAYS)
    first, limit = said(since, time_zone), said(until, time_zone)
    if until <= since:
        raise SettingsError(f"the range is empty: --to {limit} is not after --from {first}")
    series = (tenant_id("--tenant", tenant).bytes, provider)
    found = ClickHouseDetectors(settings().clickhouse).history([series], since, until).minutes.get(series)
    if not found:
        raise SettingsError(
            f"no queries of tenant {tenant} to {provider} are stored between {first} and {limit}; "
            "check --tenant, --provider, --from and --to"
        )
    return history(dict(found), until)


def _judge(
    series: CsvSeries, column: LabelColumn | None, out: str, position: Callable[[], int], size: int | None
) -> tuple[Backtest, list[Incident] | None]:
    """Score every row and write it at once."""
    test = Backtest(series.detector, series.interval)
    layout = (TextColumn("judging"), BarColumn(), TaskProgressColumn(), TextColumn("rows: {task.fields[rows]:,}"))
    with _writer(out, series.columns) as write, Progress(*layout, console=console.err, transient=True) as progress:
        task = progress.add_task("", total=size, rows=0)
        for row in series.rows:
            judged = test.judge(row.time, row.x)
            if column is not None:
                column.take(row.line, row.cells, row.time)
            missing = [""] * (len(series.columns) - len(row.cells))
            episode = "" if judged.episode is None else str(judged.episode)
            anomalous = "1" if judged.is_anomaly else "0"
            write([*row.cells, *missing, f"{judged.score:.6g}", f"{THRESHOLD:g}", anomalous, episode])
            if test.rows % _PROGRESS_ROWS == 0:
                progress.update(task, completed=position(), rows=test.rows)
    return test, None if column is None else column.incidents


@contextmanager
def _writer(out: str, columns: Sequence[str]) -> Iterator[Callable[[Sequence[str]], Any]]:
    """Yield a function that writes a row. A file gets its name only when it is complete."""
    if not out:
        yield lambda _: None
        return
    taken = [name for name in columns if name in _ADDED]
    if taken:
        raise SettingsError(f"the series has a column '{taken[0]}' already, which --out adds; rename or remove it")
    if out == "-":
        yield _headed(sys.stdout, columns)
        sys.stdout.flush()
        return
    path = Path(out)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            yield _headed(file, columns)
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(f"--out {out} cannot be written: {error.strerror}") from error
    finally:
        if unfinished.exists():
            unfinished.unlink()


def _headed(file: TextIO, columns: Sequence[str]) -> Callable[[Sequence[str]], Any]:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*columns, *_ADDED])
    return writer.writerow


def _check(test: Backtest, file: str) -> None:
    if test.rows == 0:
        raise SettingsError(f"{file} has no rows; expected some below the header")
    if test.late > test.rows / 2:
        raise SettingsError(
            f"{file}: {test.late:,} of {counted(test.rows, 'row')} are not later than the row before them and were not "
            "judged; sort the file by time, the oldest first"
        )
    if test.late:
        console.err.print(
            console.styled(
                "[yellow]{} of {} {}, but not judged.[/]{}",
                f"{test.late:,}",
                counted(test.rows, "row"),
                agreeing(
                    test.late,
                    "is not later than the row before it: it is written",
                    "are not later than the row before them: they are written",
                ),
                " Sort the file by time." if test.late > test.rows / 10 else "",
            ),
            soft_wrap=True,
        )


def _show(printer: Console, test: Backtest, incidents: Sequence[Incident] | None, out: str, clocks: ZoneInfo) -> None:
    printer.print(_episodes(test.episodes, clocks) if test.episodes else "no anomalies")
    if len(test.episodes) > _SHOWN_EPISODES:
        printer.print(f"... and {len(test.episodes) - _SHOWN_EPISODES} more")
    printer.print(
        f"{counted(test.rows, 'row')} over {counted(test.days, 'day', shown=f'{test.days:,.1f}')}, "
        f"{counted(len(test.episodes), 'episode')}, {counted(len(test.alarms), 'anomalous row')}"
        f"{f'; written to {out}' if out not in {'', '-'} else ''}",
        highlight=False,
        soft_wrap=True,
    )
    if incidents is not None:
        printer.print(_quality(test.quality(incidents)))


def _episodes(episodes: Sequence[AlarmEpisode], clocks: ZoneInfo) -> Any:
    rows = []
    for episode in episodes[:_SHOWN_EPISODES]:
        seen = episode.worst
        unit = f" {seen.unit}" if seen and seen.unit else ""
        rows.append(
            (
                episode.number,
                f"{parsed_moment(episode.start, clocks):%Y-%m-%d %H:%M:%S}",
                f"{parsed_moment(episode.end, clocks):%Y-%m-%d %H:%M:%S}",
                seen.channel.replace("_", " ") if seen else "",
                f"{seen.observed:.5g}{unit}" if seen else "",
                f"{seen.expected:.5g} ({seen.lower:.5g} to {seen.upper:.5g}){unit}" if seen else "",
            )
        )
    return table(f"Episodes ({clocks})", ("#", "start", "end", "what", "seen", "expected"), rows, right=("#",))


def _quality(found: AlarmQuality) -> Any:
    rows = [
        ("incidents found", f"{found.found} of {found.incidents}"),
        ("false alarms", str(found.false_alarms)),
        ("precision", _share(found.precision)),
        ("recall", _share(found.recall)),
        ("F1", "-" if found.f1 is None else f"{found.f1:.2f}"),
        ("median delay", "-" if found.delay is None else str(timedelta(seconds=round(found.delay)))),
        (
            "false alarms per day",
            "-" if found.false_alarms_per_day is None else f"{found.false_alarms_per_day:.3f}",
        ),
    ]
    return table("Against the labels", ("", "result"), rows, right=("result",))


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
