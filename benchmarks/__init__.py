"""Benchmarks: the floor, each stage, the whole path and the latencies, as rates and as ratios of one run."""
