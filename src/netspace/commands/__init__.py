"""L6: the commands, a file for each thing one works on. A command imports what it needs when it runs."""
