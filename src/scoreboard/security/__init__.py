"""Cryptography without I/O."""
