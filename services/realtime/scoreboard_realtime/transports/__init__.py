"""Thin loops between a kind of socket and a live connection. Rules live in ``session``, never here."""
