"""Periodic work over what is stored, done by the leading worker: one module a job, and one registry."""
