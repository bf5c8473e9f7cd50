"""Search across words, meaning and space."""
