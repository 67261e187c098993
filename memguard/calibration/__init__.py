"""Choosing thresholds from negatives, and what they are worth."""
