"""One colour for each provider, the same on every tab.

The colours are those of Okabe and Ito and their darker shades: distinct for people who do not tell red from green, and
visible on Grafana's light and dark backgrounds. A provider that is not named here takes one of Grafana's.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

PROVIDERS: Final = MappingProxyType(
    {
        "shopify": "#009E73",
        "hubspot": "#E69F00",
        "klaviyo": "#CC79A7",
        "salesforce": "#0072B2",
        "zendesk": "#D55E00",
    }
)
"""Provider → colour (hexadecimal)."""
