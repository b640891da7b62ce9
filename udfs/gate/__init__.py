"""The gate: which raw topic a record belongs to, what it claims to be, and whether it is accepted."""
