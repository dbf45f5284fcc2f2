"""`python -m sirev` is the command `sirev`."""

from sirev.cli.main import main

if __name__ == "__main__":
    main()
