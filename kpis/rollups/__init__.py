"""Roll-ups: what is kept by hour and day, the statements that bring it up to date, and what it lacks."""
