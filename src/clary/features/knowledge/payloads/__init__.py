"""Wire shapes of knowledge bases."""
