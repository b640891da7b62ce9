"""Records as bytes: envelopes, blocks, dead letters, and contracts of few records."""
