"""The HTTP collector: events of programs that do not reach Kafka themselves."""
