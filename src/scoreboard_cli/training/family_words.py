"""What each family of cheats does, in a few words for the detection card."""

FAMILY_WORDS = {
    "burst": "empties a queue at machine speed, waits, and again",
    "cooldown_sniper": "acts the moment a cooldown ends",
    "drifting_timer": "a timer that slows down and speeds up along a wave",
    "erlang_waits": "waits in several random steps",
    "exponential_waits": "random waits without memory",
    "fixed_interval": "a loop with a constant sleep",
    "gaussian_jitter": "a bell around a mean",
    "grinder": "a person's rhythm without ever a break",
    "half_human_half_bot": "a person begins, a script goes on",
    "instant_finisher": "a person begins each action, a script finishes it",
    "lognormal_jitter": "the distribution of a person, each value drawn for itself",
    "low_and_slow": "slow and steady, with breaks",
    "menu_of_delays": "picks from a few fixed delays",
    "quantised_sleep": "person-like delays in round numbers",
    "replay_loop": "a recording of a person, again and again",
    "rounded_human": "a recording of a person without its extremes",
    "score_inflation": "a person plays, the client claims the most points",
    "shuffled_human": "a person's intervals in random order",
    "sync_ring": "several accounts moved together",
    "uniform_jitter": "sleep(random(a, b))",
}
