"""What the subcommands do: parsed arguments in, text out; one file for each family."""
