"""What the numbers mean: figures as SQL over deduplicated data, every value a bound parameter. No I/O."""
