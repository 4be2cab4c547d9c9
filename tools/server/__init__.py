"""A server of tools over MCP (``adagym serve-tools``): by stdio to one client, or by HTTP to many.

``service`` runs calls and knows nothing of MCP, ``sdk`` is all that depends on the version of the SDK, ``stdio`` and
``http`` are the two ways in. Nothing that a client names is ever opened: pictures come as data.
"""
