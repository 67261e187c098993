"""memguard keeps a diffusion model from showing copies of its own training images.

    pipe = guard(pipe, index="training.memguard")

Importing memguard is quick and loads no torch: ``__init__.pyi`` lists the public names, and each
is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
