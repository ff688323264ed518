"""A local, read-only web application for runs, lineages, versions and traces; only its user can open it."""
