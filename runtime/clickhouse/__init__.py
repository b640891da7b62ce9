"""Clients of ClickHouse, the local gateway or a real server: connecting, migrations, values as JSON has them."""
