"""Commands that cli.py has no room for: text to a call, no logic. A file each."""
