"""`python -m observatory` is the `observatory` command."""

from observatory.cli.main import run

if __name__ == "__main__":
    run()
