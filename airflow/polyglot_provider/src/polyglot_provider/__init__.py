"""Polyglot's operators, sensors, triggers and links for Airflow 3.

This module imports nothing: the process that watches a command (`polyglot_provider.runner`) starts in milliseconds.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow's provider manager wants to know."""
    return {
        "package-name": "polyglot-airflow-provider",
        "name": "Polyglot",
        "description": "Streams, replays and proofs by Polyglot's command line.",
        "versions": [__version__],
        "connection-types": [
            {"connection-type": "polyglot", "hook-class-name": "polyglot_provider.hooks.PolyglotHook"},
        ],
        "extra-links": [
            "polyglot_provider.links.FlinkUiLink",
            "polyglot_provider.links.VerifyReportLink",
        ],
    }
