"""What a replay made, sent to the topics."""
