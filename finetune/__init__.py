"""What makes weights: one flat script per stage."""
