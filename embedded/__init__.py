"""A Kafka broker and a ClickHouse database for a machine that has only Python.

``stack.py`` starts both. ``broker.py`` and ``database.py`` are the two servers; ``lifecycle.py``, ``process.py``,
``ports.py`` and ``supervisor.py`` run them as processes. The database's own process begins in ``server.py``:
``http_interface.py`` receives a request, ``request.py``, ``statements.py``, ``compression.py`` and ``sessions.py``
take it apart, ``engine.py`` runs it in chDB (``binding.py``), ``native.py`` adapts results for ClickHouse's Go client,
and ``errors.py`` maps failures to HTTP responses.
"""
