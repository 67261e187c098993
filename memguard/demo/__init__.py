"""A small diffusion model that really memorizes, trained on this machine for `memguard demo`."""
