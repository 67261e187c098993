"""The guard around a pipeline."""
