"""``memguard demo``: a small diffusion model, trained here, that memorizes and is guarded."""
