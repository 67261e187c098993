"""Copies that Stable Diffusion and others really made, and generations that copy nothing."""
