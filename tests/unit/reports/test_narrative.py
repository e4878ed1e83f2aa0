from __future__ import annotations

from kpis.kpi import Unit
from reports.narrative import better, change_in_words, recommendations, summary
from reports.render.common import figure_row
from tests.unit.reports.sample import figure, finding


def test_shares_move_in_points_and_counts_in_percent() -> None:
    assert change_in_words(figure("error_rate", unit=Unit.RATIO, value=0.031, before=0.02)) == "+1.1 points"
    assert change_in_words(figure("query_count", unit=Unit.COUNT, value=90, before=100)) == "-10.0 %"
    assert change_in_words(figure(value=4.25, before=4.0)) == "+0.25"


def test_a_move_too_small_to_be_seen_has_no_sign_and_is_not_for_the_worse() -> None:
    hardly = figure("csat_share", unit=Unit.RATIO, value=0.5719, before=0.5722)
    assert change_in_words(hardly) == "0.0 points"
    assert better(hardly) is None


def test_where_something_began_the_summary_does_not_say_that_nothing_changed() -> None:
    begun = figure("incident_count", unit=Unit.COUNT, value=3, before=0, good="down")
    assert "Nothing of note" not in " ".join(summary([begun, figure(value=4.0, before=4.0)], []))


def test_an_abbreviation_is_not_made_small_within_a_sentence() -> None:
    (standing, *_) = summary([figure("csat")._replace(title="CSAT"), figure("roi")._replace(title="ROI")], [])
    assert standing == "In this period, CSAT: 4.10; ROI: 4.10."


def test_a_change_from_nothing_is_not_a_number() -> None:
    assert change_in_words(figure("query_count", unit=Unit.COUNT, value=90, before=0)) == "-"
    assert change_in_words(figure(before=None)) == "-"


def test_a_period_with_hardly_any_data_is_nothing_to_compare_with() -> None:
    assert change_in_words(figure("query_count", unit=Unit.COUNT, value=40_000, before=79, before_n=7)) == "-"


def test_better_depends_on_which_way_is_good() -> None:
    assert better(figure("error_rate", unit=Unit.RATIO, value=0.01, before=0.02, good="down")) is True
    assert better(figure("csat", value=3.0, before=4.0)) is False
    assert better(figure("query_count", unit=Unit.COUNT, value=3, before=4, good="neutral")) is None
    assert better(figure(value=4.0, before=4.0)) is None


def test_the_summary_tells_moves_worries_and_findings() -> None:
    text = " ".join(
        summary(
            [
                figure("csat", value=4.3, before=4.0),
                figure("error_rate", unit=Unit.RATIO, value=0.2, before=0.02, good="down", state="critical"),
            ],
            [finding()],
        )
    )
    assert "Better than in the period before: csat (+0.30 to 4.30)" in text
    assert "Worse: error rate (+18.0 points to 20.0%)" in text
    assert "Critical: error rate." in text
    assert "1 finding, 1 of them critical; 1 is still open" in text


def test_a_figure_that_is_not_known_says_why() -> None:
    text = " ".join(summary([figure("roi", value=None, notes=("set platform_cost_per_month",))], []))
    assert "Roi is not known: set platform_cost_per_month." in text


def test_without_data_the_summary_says_only_that() -> None:
    assert summary([figure(value=None, before=None)], [])[0] == "There is no data in this range."


def test_small_moves_are_not_news() -> None:
    assert "Nothing of note changed against the period before." in summary([figure(value=4.01, before=4.0)], [])


def test_open_critical_findings_come_first_among_what_to_do() -> None:
    actions = recommendations(
        [figure("error_rate", unit=Unit.RATIO, value=0.2, state="critical")],
        [finding("warning", ended=True), finding("critical")],
    )
    assert actions[0] == "HubSpot refuses our token: Connect it again"
    assert "Error rate is 20.0%, which is critical" in actions[-1]


def test_an_amount_is_written_in_its_currency_in_the_table_and_in_the_words() -> None:
    """Of a tenant in Japan a report said -933,090.78, of what it did not say."""
    loss = figure("net_savings", unit=Unit.MONEY, value=-933_090.78, before=-5.0)._replace(
        low=-943_077.4, high=-922_456.2, currency="JPY"
    )
    row = figure_row(loss)
    assert (row["value"], row["bounds"], row["before"]) == ("-¥933,091", "-¥943,077 to -¥922,456", "-¥5")
    assert any("-¥933,091" in line for line in summary([loss], []))
