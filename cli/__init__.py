"""The ``romashka`` command: composition roots. The only place that reads settings and the environment."""
