"""A descriptor and a source for memguard."""
