"""From Kafka to rows: decode, validate, pseudonymise, window, and hand over in an order that loses nothing.

The pure half (``decode``, ``columns``, ``windows``, ``minutes``, ``offsets``, ``guard``, ``partition``) knows no
Kafka and no clock. The other half (``transport``, ``app``, ``delivery``, ``worker``) is the thin shell around it.
"""
