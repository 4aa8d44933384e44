"""Benchmarks against peers measured in the same run. ``make bench-write`` and ``make bench-live`` start them."""
