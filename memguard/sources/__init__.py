"""Sources: where the training images are read from."""

from memguard.sources.base import Item, Source
from memguard.sources.folder import Folder

__all__ = ["Folder", "Item", "Source"]
