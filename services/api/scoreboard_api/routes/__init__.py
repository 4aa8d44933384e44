"""Routes: typed inputs, one call, a reply."""
