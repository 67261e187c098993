"""Changes and checks of a finished index."""
