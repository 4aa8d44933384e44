"""The API: what clients call, and the pages that people open."""
