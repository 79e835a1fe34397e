"""A model served by one kind of endpoint each; the file name is the `use:` in YAML."""
