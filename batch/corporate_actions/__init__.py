"""Adjusted series: computed, published, stored."""
