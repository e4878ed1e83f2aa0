"""Quality gates of the detectors: seeded scenarios and public data, tables that are checked in."""
