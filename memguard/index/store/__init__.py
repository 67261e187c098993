"""What an index keeps on disk, and how it is kept whole."""
