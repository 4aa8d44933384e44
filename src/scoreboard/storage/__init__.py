"""Postgres, the truth. One module of plain functions for each aggregate; ``tx`` is an open connection.

A function that writes expects to run inside :meth:`database.Database.transact`; nothing here commits.
"""
