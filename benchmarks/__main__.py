"""Runs every benchmark and prints its table."""

from benchmarks import data_gate, feature_join, materialization, online_features, spine

if __name__ == "__main__":
    for benchmark in (spine, data_gate, feature_join, online_features, materialization):
        benchmark.main()
        print()
