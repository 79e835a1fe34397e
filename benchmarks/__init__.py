"""The bars of speed and memory: evalkit and a bare aiohttp loop in turn, against one fake endpoint."""
