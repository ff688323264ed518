"""What an explorer may look at and try: the workbench, and the same as tools for a model."""
