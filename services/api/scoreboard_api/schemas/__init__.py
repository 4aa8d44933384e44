"""The shapes of requests and replies. Unknown fields are refused, numbers are not guessed from strings."""
