"""Runs every benchmark and prints its table."""

from benchmarks import spine

if __name__ == "__main__":
    spine.main()
