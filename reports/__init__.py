"""Reports made from ClickHouse: what to ask, what to say about it, and how to put it on paper or into a file."""
