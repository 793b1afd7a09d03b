"""The command line: each command parses, calls the library and reports. Nothing imports this."""
