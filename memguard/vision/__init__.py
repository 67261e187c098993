"""Pixels only: decoding, features, alignment and distances of pictures."""
