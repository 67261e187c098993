"""Guarded pipelines: calls are checked, and a policy decides what is shown.

The package is not named ``guard``, so that ``memguard.guard`` is always the function.
"""
