"""Queries of the records: functions that take a session and give typed rows. Nothing here commits."""
