"""The engine: time, the exchange and the house, around the domain's own decisions."""
