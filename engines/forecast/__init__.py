"""Fill forecasts from emptyings and readings."""
