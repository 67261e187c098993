"""Makers of files that are part of the package."""
