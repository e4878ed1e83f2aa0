"""Checks this user's Kafka ACLs: a client that may not fetch or join would wait without an error."""

from __future__ import annotations

from typing import Final

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin._acl import AclOperation

from models.errors import RomashkaError
from models.topics import DEAD_LETTERS, INGEST, INSIGHTS, QUERIES
from streams.kafka import Admin, KafkaAddress, check_topics
from streams.kafka_reasons import user_of

_ANSWER_SECONDS: Final = 5.0
_READ: Final = {topic.name for topic in INGEST}
_WRITTEN: Final = {topic.name for topic in (QUERIES, INSIGHTS, DEAD_LETTERS)}
_GROUP_REFUSED: Final = "GROUP_AUTHORIZATION_FAILED"

RIGHTS_ERRORS: Final = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
"""What the worker's consumer raises where this user lacks a right."""


class KafkaRightsLost(Exception):
    """Kafka withdrew a right while a worker ran; ``check_worker_rights`` says which.

    Parameters
    ----------
    error
        One of ``RIGHTS_ERRORS``; its argument is the topics or the group.
    """

    def __init__(self, error: BaseException) -> None:
        about = error.args[0] if error.args else ""
        names = ", ".join(sorted(about)) if isinstance(about, set | frozenset | list | tuple) else str(about)
        super().__init__(
            f"Kafka refused this worker for a moment ({type(error).__name__} {names}), and gives it every right now; "
            "start it again, it goes on from the committed offsets"
        )


def check_worker_rights(address: KafkaAddress, group: str) -> None:
    """Raise where a topic loses events, or this user lacks a right that a worker needs.

    A broker that reports no rights is accepted.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        A topic is compacted, or a right is missing: names the right, the topic or group, and where the rights are
        documented.
    """
    check_topics(address)
    admin = Admin(address)
    names = admin.existing([*INGEST, INSIGHTS, DEAD_LETTERS])
    asked = admin.client.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=_ANSWER_SECONDS
    )
    lacking = []
    for name, future in asked.items():
        try:
            allowed = future.result().authorized_operations
        except KafkaException as error:
            raise admin.failure(error) from error
        # None or empty: the broker does not report rights (a user who sees the topic may at least describe it).
        if allowed:
            wanted = [AclOperation.READ] * (name in _READ) + [AclOperation.WRITE] * (name in _WRITTEN)
            lacking += [f"{right.name} on topic {name}" for right in wanted if right not in allowed]
    if not _may_join(admin, group):
        lacking.append(f"READ on group {group}")
    if lacking:
        raise RomashkaError(
            f"Kafka at {address.bootstrap} does not give {user_of(address)} what a worker needs: {', '.join(lacking)}; "
            "'romashka access kafka --worker NAME' gives it (docs/kafka-security.md)"
        )


def _may_join(admin: Admin, group: str) -> bool:
    asked = admin.client.describe_consumer_groups([group], request_timeout=_ANSWER_SECONDS)
    try:
        asked[group].result()
    except KafkaException as error:
        # Any other answer (no such group yet, a broker without this API) does not concern rights.
        return str(error.args[0].name()) != _GROUP_REFUSED
    return True
