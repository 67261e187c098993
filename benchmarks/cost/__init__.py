PACKAGES = ("numpy", "opencv-python-headless", "faiss-cpu", "pylance", "pillow")
"""Distributions whose versions matter."""
