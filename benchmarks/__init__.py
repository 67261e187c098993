"""Measurements of memguard, run from the root of the repository; see README.md."""
