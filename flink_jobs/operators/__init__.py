"""Operators that jobs are built from: records in blocks, and kernels that fold them per shard."""
