"""Spark, and what it reads: Bronze, topics, ClickHouse tables, and all of them as comparable views."""
