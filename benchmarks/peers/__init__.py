"""What the fan-out is compared with, each in a process of its own, and the clients that count what arrives."""
