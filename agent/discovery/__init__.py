"""What the nodes of the graph do: ask explorers, try their candidates, and keep what is known of each."""
