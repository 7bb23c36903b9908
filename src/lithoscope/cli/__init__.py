"""The commands, and the only place that prints for a person.

A command's module imports the library inside its functions, so that ``--help`` and completion load none of it.
"""
