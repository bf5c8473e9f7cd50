"""Pictures of bins (no model ships yet)."""
