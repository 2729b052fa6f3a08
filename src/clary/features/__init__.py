"""What the product does: one folder a capability. Read the list of folders to know the product."""
