"""One file per command: `run` is what tyro calls, its docstring explains the arguments, the module's is the help."""
