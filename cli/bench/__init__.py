"""The benchmarks: what this code does beside what the machine could do, and beside the plain way."""
