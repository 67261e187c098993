"""What several benchmarks share: pictures, the machine and the commit, tables."""
