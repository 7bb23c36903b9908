"""Errors that are a user's to mend."""


class LithoscopeError(Exception):
    """A mistake or a circumstance a user can do something about.

    The message is one line: what was wrong, where, what is allowed, what to do. Stages and commands print it
    without a stack trace and end with status 1.
    """
