"""Performance anomalies: errors, latency and volume of each integration against its own history."""
