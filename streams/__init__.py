"""From Kafka to rows: decode, validate, pseudonymise, window, and hand over in an order that loses nothing.

``pipeline`` is the path of a batch without Kafka and without ClickHouse: ``decode``, ``columns``, ``partition`` and
``windows``, ``minutes``, then ``delivery`` and ``offsets``. ``transport``, ``app`` and ``worker`` are the shell around
it.
"""
