"""The true effects of integration data on conversations in the simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Effects:
    """Effect sizes, in effect before scores are cut to their range.

    *With data* means at least one successful query in the conversation; *stale hour* the mean
    ``data_freshness_hours`` of its successful queries, counted up to 24; *gap* that it lists any knowledge gap;
    *failed query* each of the first two that fail; *drift* goes from 0 to 1 over a customer's last 30 days.
    Log-odds of resolution are those of any good end (resolved, converted or upsold); conversion is given a good end.
    """

    resolution_log_odds_with_data: float = 1.10
    resolution_log_odds_per_stale_hour: float = -0.06
    resolution_log_odds_with_gap: float = -0.80
    resolution_log_odds_per_failed_query: float = -0.45
    resolution_log_odds_at_full_drift: float = -0.80
    conversion_log_odds_with_data: float = 0.60
    conversion_log_odds_per_stale_hour: float = -0.03
    conversion_log_odds_with_gap: float = -0.40
    satisfaction_with_data: float = 0.40
    satisfaction_per_stale_hour: float = -0.02
    satisfaction_with_gap: float = -0.30
    satisfaction_at_full_drift: float = -1.20
    satisfaction_when_ready: float = 0.25
    resolution_minutes_factor_with_data: float = 0.70
    resolution_minutes_factor_with_gap: float = 1.30
    reopen_log_odds_with_data: float = -0.50
    reopen_log_odds_per_stale_hour: float = 0.05
    reopen_log_odds_with_gap: float = 0.90
    upsell_probability_when_ready: float = 0.18
    upsell_probability_otherwise: float = 0.01


EFFECTS: Final = Effects()
