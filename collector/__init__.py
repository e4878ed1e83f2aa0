"""The HTTP collector, for programs without access to Kafka."""
