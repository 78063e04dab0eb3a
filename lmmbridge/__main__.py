"""`python -m lmmbridge` is `lmmbridge`."""
from lmmbridge.cli import main

if __name__ == "__main__":
    main(prog_name="lmmbridge")
