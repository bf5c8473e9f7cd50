"""What computes: pure functions, values in, values out."""
