"""Objectives, alerts, runbooks and dashboards, and what writes them. ``python -m dashboards.generate`` writes all."""
