"""Upkeep of the lake's tables: what is in them, what service is due, and Spark doing it beside the stream."""
