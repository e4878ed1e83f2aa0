"""Contracts every other package agrees on: events, topics, rows, errors. Imports nothing of ours and does no I/O."""
