"""What topics hold, read from the log: whole topics to their present ends, single records by their place."""
