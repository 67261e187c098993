"""A Gradio page that shows each image with its verdict.

python examples/gradio_app.py
"""

import gradio as gr
from PIL import Image
from stand_in import pipeline

from memguard import Guard

watch = Guard("training.memguard", policy="block")
safe = watch.wrap(pipeline)


def generate(prompt: str) -> tuple[Image.Image, str]:
    """The image, or a placeholder of the same size, and why."""
    (image,) = safe(prompt)
    (verdict,) = watch.last_verdicts
    return image, f"{verdict.label}: {verdict.why}"


page = gr.Interface(
    generate,
    inputs=gr.Textbox(label="Prompt"),
    outputs=[gr.Image(label="Image", type="pil"), gr.Textbox(label="Verdict")],
    title="Guarded generation",
)

if __name__ == "__main__":
    page.launch()
