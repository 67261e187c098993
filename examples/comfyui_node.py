"""A ComfyUI node between VAE Decode and Save Image: copies of training images become grey.

    pip install memguard             # into ComfyUI's environment
    cp examples/comfyui_node.py ComfyUI/custom_nodes/memguard_node.py
    MEMGUARD_INDEX=training.memguard python main.py

It guards what passes through it: not previews during sampling, nor a Save Image node that is
connected past it. Restart ComfyUI after the index has changed.
"""

from functools import cache
from typing import Any

from torch import Tensor

from memguard import guard
from memguard.pipelines.policy import Action

ACTIONS: list[Action] = ["block", "raise", "flag"]


@cache
def check(index: str, policy: Action) -> Any:
    """A guarded function that gives a batch of images back; one for each index and policy."""

    def images(batch: Tensor) -> Tensor:
        return batch

    return guard(images, index or None, policy=policy)


class MemguardCheck:
    """Withholds images that are too close to a training image."""

    DESCRIPTION = __doc__
    CATEGORY = "image/memguard"
    FUNCTION = "check"
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("images", "labels")
    OUTPUT_TOOLTIPS = ("copies are grey", "clear, similar, memorized ...; one line for each image")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802 - ComfyUI's name
        """The sockets and widgets."""
        index = {"default": "", "tooltip": "path of an index; empty: that of $MEMGUARD_INDEX"}
        return {
            "required": {
                "images": ("IMAGE",),
                "index": ("STRING", index),
                "policy": (ACTIONS, {"default": "block"}),
            }
        }

    def check(self, images: Tensor, index: str, policy: Action) -> tuple[Tensor, str]:
        """Check a batch (n, h, w, c) of levels in [0, 1]."""
        guarded = check(index, policy)
        shown = guarded(images)
        return shown, "\n".join(verdict.label for verdict in guarded.last_verdicts)


NODE_CLASS_MAPPINGS: dict[str, Any] = {"MemguardCheck": MemguardCheck}
NODE_DISPLAY_NAME_MAPPINGS = {"MemguardCheck": "Withhold copies of training images"}
