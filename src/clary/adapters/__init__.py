"""The outside world: one folder a vendor or protocol, each plugged into a port from above. None knows another."""
