"""Every SQL statement about knowledge."""
