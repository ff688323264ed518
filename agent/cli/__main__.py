"""Lets `python -m agent.cli` run the command."""

from agent.cli.main import main

raise SystemExit(main())
