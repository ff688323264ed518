"""Makes `python -m agent.cli` the same as `autotts`."""

from agent.cli.main import main

raise SystemExit(main())
