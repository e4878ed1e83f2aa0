"""Side-by-side runs: reports, not tests. Nothing here fails for being slow, only for counting wrong."""
