"""Snapshots: Bronze with the digests of all that was made of it, to make a stack elsewhere with the same bytes."""
