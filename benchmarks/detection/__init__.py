"""Which signals find which copies, and at what false-positive rate?"""
