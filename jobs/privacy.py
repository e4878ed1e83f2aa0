"""The leader's work for privacy: erasures are repeated while Kafka may undo them, old pseudonyms get the new key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from storage.privacy import PrivacyStore
from streams.job import Job
from streams.pseudonyms import Pseudonymiser

_EVERY: Final = timedelta(hours=1)
_AT_ONCE: Final = 50_000


def repeat_erasures(client: Client, now: datetime) -> Sequence[Insight]:
    """Erase again what a restarted worker read again from Kafka; where nothing came back nothing is done."""
    store = PrivacyStore(client)
    for erasure in store.unfinished(now):
        store.erase(erasure)
    return ()


def rekey(client: Client, pseudonymiser: Pseudonymiser) -> int:
    """Give every pseudonym that was made under an old key the newest; return how many there were."""
    store = PrivacyStore(client)
    if not pseudonymiser.old_key_ids:
        return 0
    count = 0
    while old := store.old_pseudonyms(pseudonymiser.old_key_ids, _AT_ONCE):
        store.replace({(tenant, one): pseudonymiser.rekeyed(tenant.bytes, one) for tenant, one in old})
        count += len(old)
    return count


def privacy_jobs(pseudonymiser: Pseudonymiser) -> tuple[Job, ...]:
    """Return the jobs; that of new keys only where there are old ones."""

    def rekeying(client: Client, _now: datetime) -> Sequence[Insight]:
        rekey(client, pseudonymiser)
        return ()

    jobs = (Job("erasures", _EVERY, repeat_erasures),)
    return (*jobs, Job("re-keying", _EVERY, rekeying)) if pseudonymiser.old_key_ids else jobs
