"""Redis, the speed: leaderboards, limits, sessions, the event stream. All of it can vanish and is rebuilt."""
