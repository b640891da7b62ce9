"""Raw envelopes to normalized records: the fold, dense numbers, gaps, and records of rare kinds."""
