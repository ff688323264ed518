"""From a name to what it names: versions, runs, archives, environments, and what was measured on them."""
