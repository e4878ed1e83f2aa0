"""The definitions, one file for each part of the dashboard."""
