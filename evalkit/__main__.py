"""`python -m evalkit`: the command line."""

from evalkit.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
