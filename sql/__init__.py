"""What ClickHouse runs: migrations and views, and how their texts are taken apart."""
