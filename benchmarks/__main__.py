"""Runs every benchmark and prints its table."""

from benchmarks import data_gate, spine

if __name__ == "__main__":
    spine.main()
    print()
    data_gate.main()
