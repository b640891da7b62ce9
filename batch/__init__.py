"""Spark: bounded replays of Bronze through the same kernels, and the proof that both engines wrote the same bytes."""
