"""Small data of other people's kind, made anew for each test."""

import csv
import random
from pathlib import Path

ROWS = 400


def hires(path: Path, rows: int = ROWS, seed: int = 7) -> Path:
    """Writes a CSV with numbers, text, dates, truth values and gaps, and a label to learn."""
    random.seed(seed)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "station", "taken", "rain mm", "km", "member", "comment", "late"])
        for number in range(rows):
            station = random.choice(["harbour", "park", "museum", "Schloßplatz"])
            rain, km = max(0.0, random.gauss(0, 2)), random.expovariate(1 / 3)
            risk = 0.05 + 0.5 * (station == "harbour") + 0.1 * rain
            day = f"2024-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}"
            writer.writerow(
                [
                    number,
                    station,
                    f"{day} {random.randrange(6, 23):02d}:15",
                    "" if random.random() < 0.05 else round(rain, 1),
                    round(km, 2),
                    random.choice(["true", "false", ""]),
                    f'said "{random.choice(["fine", "wet, cold", "late"])}"',
                    "yes" if random.random() < risk else "no",
                ]
            )
    return path


def flowers(path: Path, rows: int = 180) -> Path:
    """Writes three classes told apart by two measures, separated by semicolons."""
    random.seed(3)
    kinds = {"rose": (1.0, 5.0), "tulip": (3.0, 3.0), "daisy": (5.0, 1.0)}
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["length", "width", "kind"])
        for number in range(rows):
            kind = list(kinds)[number % 3]
            length, width = kinds[kind]
            writer.writerow([random.gauss(length, 0.5), random.gauss(width, 0.5), kind])
    return path


def prices(path: Path, rows: int = 300) -> Path:
    """Writes a price that follows from size and place, with noise."""
    random.seed(5)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["size", "place", "price"])
        for _ in range(rows):
            size, place = random.uniform(20, 200), random.choice(["hill", "valley"])
            noise = random.gauss(0, 5000)
            writer.writerow([size, place, 3000 * size * (1 + 0.5 * (place == "hill")) + noise])
    return path
