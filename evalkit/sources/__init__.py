"""One way to read rows each; the file name is the key in YAML."""
