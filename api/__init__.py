"""The HTTP API: who may ask is checked here, what is answered comes from kpis, dashboards and reports."""
