"""What is known of a version: its card, what it did, how complicated it is, and what is believed of it."""
