"""The core that every Scoreboard service shares: rules, stores, use cases."""

__version__ = "0.1.0"
