"""Random inputs to everything that reads what strangers send; ``make fuzz`` runs it for as long as it is told to."""
