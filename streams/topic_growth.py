"""More partitions for the ingest topics, so that every event still counts once (docs/adr/0046-more-partitions.md).

Steps: the new layout is planned in ClickHouse; a marker is written into every partition of the query topic; workers
store everything before the markers and wait; partitions are added; the layout is put into force. Every step may be
repeated, and the command may end between any two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, cast

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewPartitions

from models.counting import counted
from models.errors import RomashkaError, Unreachable
from models.layouts import EVERY_PARTITION, Layout
from models.topics import INGEST, QUERIES
from sinks.sink import Sink
from streams.decode import RecordSource
from streams.kafka import WORKER_CLIENT, Admin, KafkaAddress, client_settings, topic_epochs
from streams.layout_markers import LAYOUT_HEADER, LayoutMarkers
from streams.layouts import begin_layouts, open_layout, plan_layout
from streams.windows import CHUNK_SIZE

_ANSWER_SECONDS: Final = 10.0
_DELIVERY_SECONDS: Final = 60.0


class Growth(NamedTuple):
    """A change of the layout of the query topic.

    ``marked`` are the partitions that get a marker, ``added`` the new number of partitions of each topic that gets
    more, ``begun`` whether it was planned before.
    """

    topic_epoch: int
    generation: int
    before: Layout
    partitions: int
    marked: tuple[int, ...]
    added: Mapping[str, int]
    begun: bool


class GroupMembers(NamedTuple):
    """The members of the workers' consumer group: how many there are, and the names of those that know no layouts."""

    members: int
    unfit: Sequence[str]


class TopicGrowth:
    """Adds partitions; every method blocks and may be called again.

    Parameters
    ----------
    address
        Kafka; the user may alter topics, write to the query topic and describe the workers' group.
    sink
        Where layouts are recorded.
    markers
        Signs markers.
    group
        The workers' consumer group.
    """

    def __init__(self, address: KafkaAddress, sink: Sink, markers: LayoutMarkers, group: str) -> None:
        self._address = address
        self._sink = sink
        self._markers = markers
        self._group = group

    def planned(self, partitions: int) -> Growth | None:
        """Return what has to be done for so many partitions; ``None``: nothing, the layout is in force. Reads only.

        Raises
        ------
        Unreachable, SinkUnavailable
            Kafka or ClickHouse does not answer.
        RomashkaError
            The topic has more partitions already, or another change has begun.
        """
        there = self._partition_counts()
        actual = there[QUERIES.name]
        epoch = topic_epochs(self._address, [QUERIES])[QUERIES.name]
        layouts = self._sink.layouts(epoch)
        newest = layouts.opened[-1] if layouts.opened else Layout(0, actual)
        pending = layouts.pending
        added = {topic.name: partitions for topic in INGEST if there[topic.name] < partitions}
        if pending is not None and pending.partitions != partitions:
            raise RomashkaError(
                f"a change to {counted(pending.partitions, 'partition')} has begun; finish it with 'romashka "
                f"topics grow --partitions {pending.partitions}', or end it with 'romashka topics grow --abort'"
            )
        if pending is None and newest.partitions == partitions and not added:
            return None
        if partitions < actual or partitions < newest.partitions:
            raise RomashkaError(
                f"topic {QUERIES.name} has {counted(max(actual, newest.partitions), 'partition')}; Kafka cannot take "
                "any away. Make a new topic for fewer"
            )
        return Growth(
            epoch, newest.generation + 1, newest, partitions, tuple(range(actual)), added, pending is not None
        )

    def workers(self) -> GroupMembers:
        """Return the members of the workers' group."""
        admin = Admin(self._address)
        asked = admin.client.describe_consumer_groups([self._group], request_timeout=_ANSWER_SECONDS)
        try:
            members = [str(member.client_id) for member in asked[self._group].result().members]
        except KafkaException as error:
            raise admin.failure(error) from error
        return GroupMembers(len(members), sorted({name for name in members if not _fit(name)}))

    def backlog(self) -> int:
        """Return how many messages of the query topic the workers are behind, at least.

        Offsets of queries are committed at the start of a chunk, so a chunk of each partition does not count.
        """
        admin = Admin(self._address)
        places = [Place(QUERIES.name, number) for number in range(self._partition_counts()[QUERIES.name])]
        try:
            newest = cast("OffsetSpec", OffsetSpec._latest)
            found = admin.client.list_offsets(dict.fromkeys(places, newest), request_timeout=_ANSWER_SECONDS)
            ends = {place.partition: int(future.result().offset) for place, future in found.items()}
            asked = [ConsumerGroupTopicPartitions(self._group, places)]
            committed = {
                place.partition: max(int(place.offset), 0)
                for future in admin.client.list_consumer_group_offsets(asked, request_timeout=_ANSWER_SECONDS).values()
                for place in future.result().topic_partitions
            }
        except KafkaException as error:
            raise admin.failure(error) from error
        return sum(max(end - committed.get(number, 0) - CHUNK_SIZE, 0) for number, end in ends.items())

    def check(self, growth: Growth) -> None:
        """Ask Kafka whether it would add the partitions; changes nothing.

        Raises
        ------
        RomashkaError
            It would not.
        """
        self._add_partitions(growth.added, only_try=True)

    def begin(self, growth: Growth) -> None:
        """Plan the layout and write the markers that are missing.

        Raises
        ------
        RomashkaError
            Another plan was first, or Kafka would not add the partitions; nothing was changed then.
        """
        if not growth.begun:
            self.check(growth)
            begin_layouts(self._sink, growth.topic_epoch, growth.before.partitions)
            pending = plan_layout(self._sink, growth.topic_epoch, growth.generation, growth.partitions).pending
            if pending is None or pending[:2] != (growth.generation, growth.partitions):
                raise RomashkaError("another change of the layout began at the same time; run the command again")
        missing = set(growth.marked).difference(self.drained(growth))
        _publish(self._address, [self._marker(growth, number) for number in sorted(missing)])

    def drained(self, growth: Growth) -> Mapping[int, int]:
        """Return the boundary of each marked partition that is stored up to it."""
        layouts = self._sink.layouts(growth.topic_epoch)
        if layouts.generation >= growth.generation:
            return {number: layouts.opened[growth.generation].begins(number) for number in growth.marked}
        drained = {} if layouts.pending is None else layouts.pending.drained
        return {number: drained[number] for number in growth.marked if number in drained}

    def finish(self, growth: Growth) -> Layout:
        """Add the partitions and put the layout into force; every marked partition is drained.

        Raises
        ------
        RomashkaError
            Kafka does not add them.
        """
        self._add_partitions(growth.added)
        boundaries = self.drained(growth)
        layouts = self._sink.layouts(growth.topic_epoch)
        if layouts.generation < growth.generation:
            layouts = open_layout(self._sink, growth.topic_epoch, growth.generation, growth.partitions, boundaries)
        return layouts.opened[growth.generation]

    def abort(self) -> bool:
        """End a change that has begun with a layout like the one before; return whether there was one.

        Keys stay where they were on both sides of every boundary, so nothing has to be drained for it.
        """
        epoch = topic_epochs(self._address, [QUERIES])[QUERIES.name]
        layouts = self._sink.layouts(epoch)
        pending = layouts.pending
        if pending is None:
            return False
        boundaries = pending.drained or {EVERY_PARTITION: 0}
        open_layout(self._sink, epoch, pending.generation, layouts.opened[-1].partitions, boundaries)
        return True

    def _partition_counts(self) -> dict[str, int]:
        admin = Admin(self._address)
        admin.existing(INGEST)
        there = admin.topics()
        return {topic.name: len(there[topic.name].partitions) for topic in INGEST}

    def _marker(self, growth: Growth, number: int) -> tuple[int, bytes]:
        source = RecordSource(QUERIES.name, growth.topic_epoch, number)
        return number, self._markers.header(source, growth.generation)

    def _add_partitions(self, wanted: Mapping[str, int], *, only_try: bool = False) -> None:
        """Add the partitions that are missing; or ask Kafka whether it would, before anybody waits for them."""
        admin = Admin(self._address)
        there = self._partition_counts()
        asked = [NewPartitions(name, count) for name, count in wanted.items() if there[name] < count]
        if not asked:
            return
        after = "nothing was changed" if only_try else "workers wait until you run the command again, or with --abort"
        added = admin.client.create_partitions(asked, request_timeout=_ANSWER_SECONDS, validate_only=only_try)
        for name, future in added.items():
            try:
                future.result()
            except KafkaException as error:
                raise RomashkaError(
                    f"Kafka adds no partitions to topic {name}: {error.args[0].str()}; {after}"
                ) from error


def _fit(client: str) -> bool:
    """Whether a member of the group is a worker that knows layouts."""
    name, _, number = client.rpartition("-")
    ours, _, least = WORKER_CLIENT.rpartition("-")
    return name == ours and number.isdigit() and int(number) >= int(least)


def _publish(address: KafkaAddress, markers: Iterable[tuple[int, bytes]]) -> None:
    """Publish markers, by partition the value of the header; returns when Kafka has acknowledged them."""
    producer = Producer({**client_settings(address), "acks": "all", "enable.idempotence": True})
    failed: list[str] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error.str())

    for number, header in markers:
        headers: list[tuple[str, str | bytes | None]] = [(LAYOUT_HEADER, header)]
        producer.produce(QUERIES.name, b"", None, number, headers=headers, on_delivery=delivered)
    if producer.flush(_DELIVERY_SECONDS) or failed:
        reason = failed[0] if failed else f"no answer within {_DELIVERY_SECONDS:.0f} s"
        raise Unreachable(f"Kafka at {address.bootstrap} did not take the markers: {reason}; run the command again")
