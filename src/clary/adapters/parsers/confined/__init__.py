"""What runs inside the child process: it knows ports and libraries of formats, and nothing else of this program."""
