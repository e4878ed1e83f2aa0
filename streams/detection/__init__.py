"""Detection inside the worker: closed minutes and health events of its partitions in, insights out."""
