"""The gateway: an OpenAI-compatible server that answers each question with an episode of a controller."""
