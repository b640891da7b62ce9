"""Polyglot: one definition of market data, run by Flink as a stream and by Spark as batch, with the same bytes."""
