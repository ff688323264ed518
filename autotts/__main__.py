"""Makes `python -m autotts` the same as the command `autotts`."""

from autotts.agent.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
