"""Records as files of a lake table: Arrow columns in, complete Parquet files out.

``files`` collects columns per partition and makes Hudi base files of them; ``bronze`` makes columns of what ingest
accepted.
"""
