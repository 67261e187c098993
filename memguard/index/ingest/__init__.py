"""From a source to a published index."""
