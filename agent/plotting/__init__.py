"""Pictures for papers and pages, as files: scaling curves, the family of versions, one episode."""
