"""Chance as a tree: every player, ring and purpose has its own generator, so that none disturbs another."""

from random import Random


def chance(*path: object) -> Random:
    """The generator at a place of the tree: the same path gives the same values, another path independent ones."""
    return Random("/".join(map(str, path)))  # noqa: S311 - it has to be repeatable; nothing secret comes from it
