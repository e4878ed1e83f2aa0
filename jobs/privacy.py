"""Privacy jobs: repeat erasures while Kafka may bring rows back, and re-key old pseudonyms."""

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
    """Erase again rows that a restarted worker read back from Kafka; does nothing where there are none."""
    store = PrivacyStore(client)
    for erasure in store.unfinished(now):
        store.erase(erasure)
    return ()


def rekey(client: Client, pseudonymiser: Pseudonymiser) -> int:
    """Re-key every pseudonym of an old key; return their number."""
    store = PrivacyStore(client)
    if not pseudonymiser.old_key_ids:
        return 0
    count = 0
    while old := store.old_pseudonyms(pseudonymiser.old_key_ids, _AT_ONCE):
        store.replace({(tenant, one): pseudonymiser.rekeyed(tenant.bytes, one) for tenant, one in old})
        count += len(old)
    return count


def privacy_jobs(pseudonymiser: Pseudonymiser) -> tuple[Job, ...]:
    """Return the jobs; re-keying only where old keys are configured."""

    def rekeying(client: Client, _now: datetime) -> Sequence[Insight]:
        rekey(client, pseudonymiser)
        return ()

    jobs = (Job("erasures", _EVERY, repeat_erasures, fenced=True),)
    return (*jobs, Job("re-keying", _EVERY, rekeying, fenced=True)) if pseudonymiser.old_key_ids else jobs
