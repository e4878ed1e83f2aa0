"""Service level objectives that the project ships with."""

from __future__ import annotations

from typing import Final

QUERY_OBJECTIVE: Final = 0.97
"""The share of queries that should be answered over 30 days; ``ROMASHKA_QUERY_OBJECTIVE`` sets another."""

API_ADDRESS: Final = "http://127.0.0.1:8080"
"""Where the API is unless ``ROMASHKA_API_PUBLIC_URL`` says otherwise."""
