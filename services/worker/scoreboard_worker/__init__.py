"""The worker: all that goes on without a request. Any number may run: each step takes a lock or is idempotent."""
