"""Ways to tell somebody about a night, one a file; `use` in `nightly.alerts` names the file."""
