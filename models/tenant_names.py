"""Display names of tenants."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from models.counting import counted
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID

MAX_LENGTH: Final = 80
_ID_DIGITS: Final = 8
_NOT_PRINTED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Zero-width joiners: several scripts and emoji need them.
_JOINERS: Final = frozenset("\u200c\u200d")


def checked_name(text: str) -> str:
    """Return a display name in its stored form: composed (NFC), with single spaces.

    Raises
    ------
    SettingsError
        Empty, longer than ``MAX_LENGTH`` characters, or with a character that is not printed (a control character, a
        line break, a change of writing direction).
    """
    name = " ".join(part for part in unicodedata.normalize("NFC", text).split(" ") if part)
    if not name:
        raise SettingsError("the display name is empty; expected 1 to 80 printable characters, for example Acme GmbH")
    if len(name) > MAX_LENGTH:
        raise SettingsError(f"the display name has {counted(len(name), 'character')}; expected at most {MAX_LENGTH}")
    if any(unicodedata.category(character) in _NOT_PRINTED and character not in _JOINERS for character in name):
        raise SettingsError("the display name has a character that is not printed; expected letters, digits and signs")
    return name


def name_or_all(tenant: UUID, names: Mapping[UUID, str]) -> str:
    """Return the name of the tenant of an insight, ``all tenants`` for one of all."""
    return "all tenants" if tenant == ALL_TENANTS_ID else name_of(tenant, names)


def name_of(tenant: UUID | str, names: Mapping[UUID, str]) -> str:
    """Return a tenant's display name, or the first eight characters of its id where none is set."""
    known = names.get(tenant if isinstance(tenant, UUID) else UUID(tenant))
    return known if known is not None else str(tenant)[:_ID_DIGITS]
