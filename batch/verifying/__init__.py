"""Every store against a replay, byte for byte."""
