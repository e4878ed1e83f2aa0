"""The ``romashka`` command: composition roots. The only place that reads settings, clocks and the environment."""
