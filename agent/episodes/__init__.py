"""What can be read from recorded episodes: what a controller does, and where an answer was found, or missed."""
