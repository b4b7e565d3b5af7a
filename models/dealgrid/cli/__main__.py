"""`python -m dealgrid.cli`: the command where no script is installed, or for a child of ours."""

from dealgrid.cli import main

main()
