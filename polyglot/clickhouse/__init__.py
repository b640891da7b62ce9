"""ClickHouse for the local stack: the engine of chDB behind ClickHouse's HTTP interface, and the migrations."""
