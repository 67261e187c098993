"""What a guard finds whose index a user built with one call."""
