"""Pure kernels: what a record means. No engine, no clock, no chance, no environment (law 8)."""
