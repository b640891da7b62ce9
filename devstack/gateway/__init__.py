"""ClickHouse's HTTP interface for the local stack: a web server, and behind it chDB in a confined process.

One process speaks HTTP and holds no data (`server`); it starts the other (`engine_process`), which may reach its data
folder and nothing else (`confinement`). The engine reads every statement first and runs only what the role's list
allows (`policy`).
"""
