"""One judgement each; the file name is the `use:` in YAML."""
