"""Key figures as SQL over deduplicated data; every value is a bound parameter. No I/O."""
