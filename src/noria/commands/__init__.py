"""Groups of commands, each in a file of its own; cli.py adds them."""
