"""Rules that choose thresholds from a training set alone, side by side."""
