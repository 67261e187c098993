"""Descriptors: maps from images to vectors or bit strings in which copies are close."""

from __future__ import annotations

from memguard.descriptors.base import Descriptor, DescriptorSpec, LearnedDescriptor
from memguard.descriptors.registry import (
    load_descriptors,
    new_descriptors,
    weightless_descriptors,
)

__all__ = [
    "Descriptor",
    "DescriptorSpec",
    "LearnedDescriptor",
    "load_descriptors",
    "new_descriptors",
    "weightless_descriptors",
]
