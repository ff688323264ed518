"""The built-in evolutionary explorer: recombines building blocks and calls no language model."""
