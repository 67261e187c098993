PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "faiss-cpu",
    "pylance",
    "pillow",
    "onnxruntime",
    "torch",
)
"""Distributions whose versions matter."""

FORM_BATCHES = (1, 3)
"""Images in a forward pass of one form of a network: 3 are the views of one image."""
FORM_FIGURES = (
    *(f"ms at {n}" for n in FORM_BATCHES),
    "largest distance to float32",
    "largest change of a distance",
)
"""What is measured of each form."""

WALL_FIGURES = ("ms on 1", "ms on 2", "times as quick", "ms alone", "ms guarded", "ms each")
"""What a second core brings."""
