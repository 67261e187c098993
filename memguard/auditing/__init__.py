"""The audit: how much a model memorizes, measured as Carlini et al. 2023 did (arXiv 2301.13188).

The package is not named ``audit``, so that ``memguard.audit`` is always the function.
"""
