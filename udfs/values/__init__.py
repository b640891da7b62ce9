"""Exact numbers, dates and times, and why a value is refused."""
