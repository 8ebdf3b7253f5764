"""The fan-out beside its peers and the machine's limit (docs/benchmarks/fanout.md)."""
