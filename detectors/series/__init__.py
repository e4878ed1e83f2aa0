"""Anomalies of any numeric series, and backtests."""
