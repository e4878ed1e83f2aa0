"""The dashboards and alert rules as code: made from the KPI registry, written to ``deploy/grafana``."""
