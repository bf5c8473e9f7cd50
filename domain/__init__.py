"""What is true: values, records, places, times, ledger."""
