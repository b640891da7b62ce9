"""Which record is the first of its kind."""
