"""`python -m spikeformers`, for an environment whose scripts are not on the path."""

from spikeformers.cli import main

raise SystemExit(main())
