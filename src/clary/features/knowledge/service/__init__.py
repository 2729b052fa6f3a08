"""The door of the slice."""
