"""Measurements of search: its quality on judged questions, and its plans over place and meaning."""
