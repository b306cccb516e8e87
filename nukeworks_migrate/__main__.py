"""`python -m nukeworks_migrate` is the command `migrate`."""

from .cli.main import main

if __name__ == "__main__":
    main()
