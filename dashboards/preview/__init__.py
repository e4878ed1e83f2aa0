"""The tabs as self-contained HTML pages without Grafana: same panels, same statements."""
