"""Analyses: one table each, from an SQL aggregation and a pure function that completes the rows. No I/O."""
