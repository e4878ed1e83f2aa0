"""Significant changes of key figures."""
