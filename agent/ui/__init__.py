"""A local web application to look at runs, lineages, versions and traces: read-only, and closed to all but its user."""
