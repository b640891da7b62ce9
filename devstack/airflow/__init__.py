"""Airflow beside the local stack: its own environment, its own processes, the stack's supervisor."""
