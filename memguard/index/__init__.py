"""The index of a training set: its store, its searchers and its builder."""

from memguard.index.base import Health, Index

__all__ = ["Health", "Index"]
