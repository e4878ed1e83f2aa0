"""From Kafka to rows: decode, validate, pseudonymise, window, and hand over in an order that loses nothing.

``pipeline`` is the path of a batch without Kafka and without ClickHouse: ``record_reader`` (``columnar_reader``, or
``decode`` where a batch is unusual), ``partition`` and ``windows``, ``detection.minutes``, then ``delivery`` and
``offsets``. ``transport``, ``app`` and ``worker`` are the shell around it.
"""
