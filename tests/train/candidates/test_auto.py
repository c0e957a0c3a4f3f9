"""What auto tries, and what models are worth together."""

from pathlib import Path

from plimsoll.train.candidates.auto import auto_candidates
from plimsoll.train.config import TrainConfig
from train import made_examples


def test_boosting_is_tried_first_and_what_is_set_stays(tmp_path: Path) -> None:
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="auto", dropout=0.15, seed=7)
    tried = auto_candidates(examples, config)
    assert tried[0].model == "boosting"
    assert {item.model for item in tried} > {"boosting", "mlp"}
    assert "auto" not in {item.model for item in tried}
    assert all((item.dropout, item.seed) == (0.15, 7) for item in tried)
    assert len(set(tried)) == len(tried)
