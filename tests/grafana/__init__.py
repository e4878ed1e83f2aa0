"""The dashboards and alert rules in a real Grafana, seen in a real browser: ``make test-grafana``.

Runs where one of these is there, and skips with a reason where none is:

- ``ROMASHKA_TEST_GRAFANA_HOME``: the folder of an unpacked Grafana; ``ROMASHKA_TEST_GRAFANA_PLUGINS`` names the folder
  that holds the plugin grafana-clickhouse-datasource. Each run starts a fresh one with compose's own settings.
- ``ROMASHKA_TEST_GRAFANA_URL`` (with ``_USER`` and ``_PASSWORD``): one that runs on this machine, started with
  deploy/grafana/provisioning. Its alert rules are left as they are, so none is fired.
- Docker: the image of docker-compose.yml, started fresh on the host's network.

``ROMASHKA_TEST_GRAFANA_CLICKHOUSE`` names a ClickHouse with a month of data to look at,
``http://host:port/database``; without it the simulated week is loaded into the one that the other tests use.
``ROMASHKA_TEST_GRAFANA_PROMETHEUS`` names a Prometheus that scrapes its worker; without it, Pipeline Health shows that
there is none. Pictures and times go to build/grafana.
"""
