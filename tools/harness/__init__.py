"""Real servers for the tests, the demo and the benchmarks. Only the standard library."""
