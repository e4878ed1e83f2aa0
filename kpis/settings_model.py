"""Settings of a tenant: costs and attribution, each with a unit, a range and a first day of validity.

Amounts of money have no defaults: a figure with missing inputs has no value and names them. Settings that only define a
figure (``attribution_rule``) have defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from kpis.currency import plain
from models.errors import SettingsError
from models.fields import MAX_MONEY, PROVIDER_PATTERN

Kind = Literal["money", "number", "whole", "choice", "currency"]

PER_PROVIDER: Final = ":"
"""Separates a setting from its integration, as in ``integration_cost_per_month:hubspot``."""
_PROVIDER: Final = re.compile(PROVIDER_PATTERN)
# Money of ISO 4217, with the units of account that prices of Chile and Uruguay are in: neither metals nor other funds,
# tests and the code for none.
_CURRENCY: Final = re.compile(
    "AED|AFN|ALL|AMD|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|"
    "CLF|CLP|CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|"
    "HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|"
    "MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|"
    "QAR|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|"
    "TWD|TZS|UAH|UGX|USD|UYU|UYW|UZS|VED|VES|VND|VUV|WST|XAF|XCD|XCG|XOF|XPF|YER|ZAR|ZMW|ZWG"
)


# An amount may be a part of a currency's smallest unit, such as 1.2555 cents a conversation.
_PLACES: Final[dict[Kind, int]] = {"money": 4, "number": 2, "whole": 0}


class Setting(NamedTuple):
    """One setting. ``default`` applies where a tenant has no entry; ``None``: the input is missing."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    lowest: Decimal = Decimal(0)
    highest: Decimal = MAX_MONEY
    choices: tuple[str, ...] = ()
    default: str | None = None
    per_provider: bool = False


SETTINGS: Final[dict[str, Setting]] = {
    one.name: one
    for one in (
        Setting("currency", "currency", "ISO 4217", "the currency of all amounts of this tenant"),
        Setting("cost_per_human_contact", "money", "currency", "loaded cost of one conversation handled by a person"),
        Setting(
            "loaded_rate_per_hour", "money", "currency/hour", "what an hour of a person costs, everything included"
        ),
        Setting(
            "handle_minutes_saved",
            "number",
            "minutes",
            "minutes a person saves in a conversation that they resolve with integration data (measured where not set)",
            highest=Decimal(1440),
        ),
        Setting("platform_cost_per_month", "money", "currency/month", "what the chat platform costs"),
        Setting(
            "integration_cost_per_month",
            "money",
            "currency/month",
            "what the integrations cost, all of them or one each",
            per_provider=True,
        ),
        Setting("upkeep_cost_per_month", "money", "currency/month", "what people spend on keeping it running"),
        Setting(
            "attribution_window_days",
            "whole",
            "days",
            "how long before a sale a use of integration data still counts as an influence",
            lowest=Decimal(1),
            highest=Decimal(180),
            default="30",
        ),
        Setting(
            "attribution_rule",
            "choice",
            "",
            "who gets the revenue among several influences",
            choices=("last_touch", "first_touch", "linear"),
            default="last_touch",
        ),
    )
}


class Entry(NamedTuple):
    """One value of one tenant, valid from a day (UTC) until the next entry of the same setting."""

    user_id: UUID
    setting: str
    effective_from: date
    value: str
    entered_at: datetime


def definition(name: str) -> Setting:
    """Return the definition of a setting.

    ``name`` may be for one integration, as in ``integration_cost_per_month:hubspot``.

    Raises
    ------
    SettingsError
        There is no such setting, or it cannot be set per integration.
    """
    base, _, provider = name.partition(PER_PROVIDER)
    found = SETTINGS.get(base)
    if found is None:
        raise SettingsError(f"there is no setting '{base}'; expected one of {', '.join(SETTINGS)}")
    if PER_PROVIDER in name and not found.per_provider:
        raise SettingsError(f"{base} is one value for all integrations; leave out '{PER_PROVIDER}{provider}'")
    if PER_PROVIDER in name and not _PROVIDER.fullmatch(provider):
        raise SettingsError(f"'{provider}' is not an integration; expected lower case letters, digits, _ and -")
    return found


def parse(name: str, text: str) -> str:
    """Return a value in its stored form.

    Raises
    ------
    SettingsError
        Unknown setting or invalid value; says what is expected.
    """
    setting = definition(name)
    if setting.kind == "choice":
        if text not in setting.choices:
            raise SettingsError(f"{name} is '{text}'; expected one of {', '.join(setting.choices)}")
        return text
    if setting.kind == "currency":
        if not _CURRENCY.fullmatch(text):
            raise SettingsError(
                f"{name} is '{text}'; expected three capital letters of a currency (ISO 4217), for example EUR"
            )
        return text
    return _number(name, setting, text)


def new_entry(user_id: UUID, name: str, text: str, effective_from: date, now: datetime) -> Entry:
    """Return a checked entry; raises as ``parse`` does."""
    return Entry(user_id, name, effective_from, parse(name, text), now)


def in_force(entries: Iterable[Entry], day: date) -> dict[str, str]:
    """Return one tenant's settings on a day: the newest valid entry, else the default, else no entry."""
    values = {name: one.default for name, one in SETTINGS.items() if one.default is not None}
    for entry in sorted(entries, key=lambda one: (one.effective_from, one.entered_at)):
        if entry.effective_from <= day:
            values[entry.setting] = entry.value
    return values


def missing_note(names: Iterable[str]) -> str:
    """Return the note on missing inputs of a figure; '' where none is missing."""
    listed = list(names)
    if not listed:
        return ""
    return (
        f"not set: {', '.join(listed)}; enter with 'romashka tenant settings set TENANT {listed[0]} VALUE --from DATE'"
    )


def _number(name: str, setting: Setting, text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise SettingsError(f"{name} is '{text}'; expected {_expected(setting)}") from None
    if not value.is_finite() or not setting.lowest <= value <= setting.highest:
        raise SettingsError(f"{name} is '{text}'; expected {_expected(setting)}")
    places = _PLACES[setting.kind]
    if value != round(value, places):
        raise SettingsError(f"{name} is '{text}'; expected {_expected(setting)}")
    if not places:
        return f"{value:.0f}"
    return plain(value)


def _expected(setting: Setting) -> str:
    what = {"whole": "a whole number", "number": "a number with at most two decimals"}.get(
        setting.kind, "a number with at most four decimals"
    )
    return f"{what} from {setting.lowest} to {setting.highest} ({setting.unit}), for example {setting.lowest + 7}"


def row(entry: Entry) -> dict[str, Any]:
    """Return an entry as a row for display."""
    setting = definition(entry.setting)
    return {
        "setting": entry.setting,
        "value": entry.value,
        "unit": setting.unit,
        "effective_from": entry.effective_from.isoformat(),
        "entered_at": entry.entered_at.isoformat(timespec="seconds"),
    }
