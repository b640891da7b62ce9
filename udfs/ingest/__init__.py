"""Raw values to Bronze rows: the fold, and conflicts between copies of one event."""
