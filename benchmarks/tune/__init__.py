"""Which settings are best on this machine: see benchmarks/README.md."""
