"""``python -m memguard`` is the ``memguard`` command."""

from memguard.cli import main

main()
