"""Benchmarks: reports, not tests. None fails because of low throughput, only because of wrong counts."""
