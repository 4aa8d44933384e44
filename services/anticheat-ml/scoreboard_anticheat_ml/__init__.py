"""The anti-cheat model: reads score events, scores timing and frequency, raises verdicts that people review."""
