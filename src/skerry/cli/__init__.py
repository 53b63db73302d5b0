"""The command line: parse, call the engine, print. It holds no logic of containers."""
