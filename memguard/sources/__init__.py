"""Sources: where the training images are read from."""

from __future__ import annotations

from memguard.sources.base import BrokenItem, BytesItem, Item, Source
from memguard.sources.folder import Folder
from memguard.sources.items import FileItem
from memguard.sources.registry import open_source

__all__ = ["BrokenItem", "BytesItem", "FileItem", "Folder", "Item", "Source", "open_source"]
