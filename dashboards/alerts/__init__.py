"""Alert rules, made from the KPI registry and from what detectors found; evaluated by Grafana."""
