"""Runs every benchmark and prints its table."""

from benchmarks import (
    data_gate,
    feature_join,
    materialization,
    online_features,
    spine,
    training_speed,
    transform,
)

if __name__ == "__main__":
    for benchmark in (
        spine,
        data_gate,
        feature_join,
        online_features,
        materialization,
        training_speed,
        transform,
    ):
        benchmark.main()
        print()
