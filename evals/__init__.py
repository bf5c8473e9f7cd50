"""What measures: one suite per module, results filed with commit and date."""
