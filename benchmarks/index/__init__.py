"""What do search and build cost at the size of a training set?"""

PACKAGES = ("faiss-cpu", "pylance", "pyarrow", "numpy", "torch", "open_clip_torch")
"""Distributions whose versions the figures depend on."""
