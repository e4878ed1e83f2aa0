"""A real Apache Kafka 4 for the tests: from its Maven artifacts as a process, or in containers where Docker runs."""
