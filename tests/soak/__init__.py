"""A worker at a steady rate for as long as it is told to; ``make soak`` runs it."""
