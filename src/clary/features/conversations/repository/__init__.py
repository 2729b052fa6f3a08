"""Every SQL statement of the slice."""
