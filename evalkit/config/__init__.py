"""The config file: its shape, and the way from YAML to a checked Config."""
