"""The index of a training set: its store, its searchers and its builder."""

from memguard.index.opened import Index

__all__ = ["Index"]
