"""How much do small diffusion models memorize, and how much of it gets past `guard`?"""
