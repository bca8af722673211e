"""How much a network's form gains from hardware-specific acceleration, measured and gated in pytest."""
