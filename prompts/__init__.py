"""The one renderer that serving, training and measuring share."""
