"""The HTTP API: authentication, authorisation and limits; the data comes from kpis, dashboards and reports."""
