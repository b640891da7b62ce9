"""Accepted rows in columns, from the scanner to wire bytes and Arrow."""
