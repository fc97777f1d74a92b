"""Run the command line as a module; `linli serve` starts its own helpers this way."""

from api.cli.main import main

main()
