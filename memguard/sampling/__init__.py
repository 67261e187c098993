"""What a denoiser shows of an image before it is finished."""
