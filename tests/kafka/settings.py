"""The settings of the one Kafka node that tests use, the same for a process and for a container."""

from __future__ import annotations


def broker_settings(listener: str, advertised: str, controller: str) -> dict[str, str]:
    """Settings of a node that is broker and controller at once.

    Parameters
    ----------
    listener
        ``host:port`` the broker listens on; an empty host is every address of its machine.
    advertised
        ``host:port`` clients are told to use.
    controller
        ``host:port`` the node's controller listens on.

    Returns
    -------
    dict[str, str]
        Kafka property names and values; ``log.dirs`` is left to the caller.
    """
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{controller}",
        # As in production: a topic nobody created is an error, not a topic with one partition.
        "auto.create.topics.enable": "false",
        # There is one node to hold a replica.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Quick and small: 50 partitions of offsets and a 128 MB cleaning buffer are for clusters.
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.num.partitions": "1",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
        "group.initial.rebalance.delay.ms": "0",
    }


def as_properties(settings: dict[str, str]) -> str:
    """Write settings as a ``server.properties`` file."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def as_environment(settings: dict[str, str]) -> dict[str, str]:
    """Name settings as the ``apache/kafka`` image reads them: ``node.id`` is ``KAFKA_NODE_ID``."""
    return {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
