"""Read topics: whole ones up to their present ends, single records by offset."""
