"""One part of the report each, in the order of the page."""
