"""Whether a guard holds for long: many threads, a changing index, and faults."""
