"""Go's text/template, as far as ``--format`` needs it: which is nearly all of it.

``lexer`` → ``parser`` (``nodes``) → ``engine``, with ``functions``, ``printf`` and ``values`` beside. Errors are worded as
Go words them. Without ``re``, ``enum`` or ``dataclasses``: a template must not cost more than the command.
"""
