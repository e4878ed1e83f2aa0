"""What figures are aggregated from: rows that count each event once, from the coarsest roll-up that is exact."""
