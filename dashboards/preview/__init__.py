"""The tabs as self-contained HTML pages, for whoever has no Grafana at hand: same panels, same statements."""
