"""Adjusted series: factors and bars, from the set of known actions and closes."""
