"""Approximate nearest-neighbour search: FAISS only."""
