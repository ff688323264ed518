"""Where runs and archives are kept: directories, or a PostgreSQL database, behind one protocol (`protocol.Storage`)."""
