"""What the platform does, one verb to a file: load, decide, save, announce. Nothing here speaks HTTP or sockets."""
