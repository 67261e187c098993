"""The version of memguard, as an index records it."""

__version__ = "0.1.0"
