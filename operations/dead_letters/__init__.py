"""What the gates said, from the topics themselves: dead letters, quality flags, and dead letters sent again."""
