"""`python -m clary.cli`."""

from clary.cli import main

main()
