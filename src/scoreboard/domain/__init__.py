"""Pure rules: no I/O, no clock, no randomness. Whoever calls brings `now` and the rows it loaded."""
