"""Live environments: questions that a model behind an endpoint answers, with the interface of a replay."""
