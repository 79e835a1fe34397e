"""A stored run to a report: typed blocks, rendered as one page or as a CI summary."""
