"""Knowledge gaps: data that the AI needed and did not have.

A label is ``provider: subject (reason)``, for example ``shopify: return_policy (missing content)``; ``PATTERN`` reads
it. The reason is one of ``REASONS``; ``not connected`` names a provider that the tenant does not have yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from models.fields import ErrorKind

Reason = Literal["missing content", "field not synced", "permission missing", "write action missing", "not connected"]
REASONS: Final[tuple[str, ...]] = get_args(Reason)
PATTERN: Final = re.compile(
    rf"^(?P<provider>[a-z][a-z0-9_-]*): (?P<subject>[a-z0-9_]+) \((?P<reason>{'|'.join(REASONS)})\)$"
)

# Failures of this kind indicate a gap in the data; the other kinds are transient.
OF_ERROR: Final[dict[ErrorKind, Reason]] = {
    "not_found": "missing content",
    "schema": "field not synced",
    "permission": "permission missing",
}


@dataclass(frozen=True)
class StandingGap:
    """A permanent gap of a tenant; ``weight`` is its frequency relative to the tenant's other gaps."""

    provider: str
    subject: str
    reason: Reason
    weight: float

    @property
    def label(self) -> str:
        """The label that events carry."""
        return label(self.provider, self.subject, self.reason)


def label(provider: str, subject: str, reason: Reason) -> str:
    """Return the label of a gap."""
    return f"{provider}: {subject} ({reason})"
