"""Detection inside the worker: turns closed minutes and health events of its partitions into insights."""
