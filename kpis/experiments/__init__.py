"""Experiments: what an arm causes, from sums per day and arm. Pure; no I/O, no clock."""
