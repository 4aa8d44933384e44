"""Detectors that no classifier replaces.

- ``rules``: what a person cannot do.
- ``changepoint``: a window whose halves are of different nature.
- ``synchrony``: accounts that act together.
"""
