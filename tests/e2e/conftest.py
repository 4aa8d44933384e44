"""Fixtures of the tests in a browser."""

from tests.browser import browser

__all__ = ["browser"]
