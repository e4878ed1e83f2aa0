"""Roll-ups by hour and day: the statements that update them, and their freshness."""
