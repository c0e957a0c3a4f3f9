"""The search without trainings: what is drawn, kept, pruned, and found again after a kill."""

import json

import pytest

from plimsoll.errors import ArtifactError, StepError
from plimsoll.train.config import TrainConfig
from plimsoll.tune import space as spaces
from plimsoll.tune.config import REPORTS, TuneConfig
from plimsoll.tune.journal import JOURNAL, held
from plimsoll.tune.search import Search
from plimsoll.tune.workers import Outcome, machine_shares

SPACE = spaces.read(
    "{model: [mlp, tabm, boosting], learning_rate: {low: 1e-4, high: 1e-2, log: true},"
    " members: [4, 8], leaves: {low: 8, high: 64, log: true}}",
    TrainConfig(model="dcn"),
)


def loss_of(values):
    rate = values.get("learning_rate", 0.05)
    return 1 + 100 * (rate - 0.003) ** 2 - 0.5 * (values["model"] == "tabm")


def go(folder, trials=12, *, kill_at=None, **config):
    """Runs a search on a made-up loss; ``kill_at``: leaves it in the midst of that trial."""
    folder.mkdir(exist_ok=True)
    search = Search(folder, SPACE, TuneConfig(trials=trials, workers=1, **config))
    while (drawn := search.next()) is not None:
        outcome = search.duplicate_outcome(drawn) or run(
            search, drawn, killed=drawn.number == kill_at
        )
        if outcome is None:
            return search
        search.finish(drawn, outcome)
    return search


def run(search, drawn, *, killed):
    loss = loss_of(drawn.values)
    for mark in range(4, REPORTS + 1, 4):
        if killed and mark > 4:
            return None
        if not search.report(drawn, mark, loss + 1 / mark):
            return Outcome(state="pruned")
    return Outcome(state="complete", eval_loss=loss, epochs=30, best=21)


def told(search):
    return [item.to_dict() for item in search.finished()]


def test_the_same_seed_finds_the_same_and_another_something_else(tmp_path):
    first, second = go(tmp_path / "one"), go(tmp_path / "two")
    other = go(tmp_path / "three", seed=1)

    assert told(first) == told(second)
    assert told(first) != told(other)
    assert len(told(first)) == 12


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
@pytest.mark.parametrize("kill_at", [0, 9])
def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path, kill_at, pruner):
    whole = go(tmp_path / "whole", pruner=pruner)
    go(tmp_path / "killed", kill_at=kill_at, pruner=pruner)

    again = go(tmp_path / "killed", pruner=pruner)

    assert again.resumed == kill_at
    assert told(again) == told(whole)
    assert again.best() == whole.best()


def test_a_search_that_is_done_runs_nothing_and_a_larger_budget_goes_on(tmp_path):
    go(tmp_path, trials=6)
    assert Search(tmp_path, SPACE, TuneConfig(trials=6)).next() is None
    assert told(go(tmp_path, trials=9))[:6] == told(go(tmp_path / "more", trials=9))[:6]


def test_a_line_cut_short_by_a_kill_is_taken_off(tmp_path):
    before = told(go(tmp_path, trials=5))
    path = tmp_path / JOURNAL
    with path.open("ab") as stream:
        stream.write(b'{"op_code": 4, "wor')

    again = go(tmp_path, trials=7)

    assert told(again)[:5] == before
    assert len(told(again)) == 7
    assert len(told(go(tmp_path, trials=7))) == 7


def test_a_damaged_journal_says_so(tmp_path):
    go(tmp_path, trials=2)
    path = tmp_path / JOURNAL
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(["{oops\n", *lines[1:]]))

    with pytest.raises(ArtifactError, match="journal of the search cannot be read"):
        Search(tmp_path, SPACE, TuneConfig(trials=2))


def test_one_process_at_a_time(tmp_path):
    with held(tmp_path), pytest.raises(StepError, match="another process"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.mark.parametrize("model", ["linear", "mlp", "tabm", "dcn", "module"])
def test_what_ships_lies_within_the_space_that_ships_and_is_tried_first(tmp_path, model):
    base = TrainConfig(model=model)
    drawn = Search(tmp_path, spaces.read("", base), TuneConfig()).next()
    assert drawn.config == base


def test_what_the_config_says_is_tried_first(tmp_path):
    base = TrainConfig(model="mlp", dropout=0.25)
    text = "{dropout: {low: 0, high: 0.5}, hidden: [[256, 256], [64]], bins: {low: 8, high: 32}}"
    search = Search(tmp_path, spaces.read(text, base), TuneConfig())

    drawn = search.next()

    assert drawn.config == base


def test_the_median_prunes_the_worse_and_not_while_the_learning_rate_rises(tmp_path):
    search = go(tmp_path, trials=16)

    pruned = [item for item in search.finished() if item.state == "pruned"]
    rising = REPORTS * SPACE.base.warm_up
    assert pruned
    assert all(max(item.losses) > rising for item in pruned)
    assert all(item.eval_loss > search.best().eval_loss for item in pruned)


def test_failed_trials_are_kept_and_do_not_end_the_search(tmp_path):
    search = Search(tmp_path, SPACE, TuneConfig(trials=4))
    for state in ("failed", "complete", "failed", "complete"):
        loss = 0.5 if state == "complete" else None
        why = "it burnt" if state == "failed" else ""
        search.finish(search.next(), Outcome(state=state, eval_loss=loss, why=why))

    assert search.next() is None
    assert [item.state for item in search.finished()] == ["failed", "complete"] * 2
    assert search.finished()[0].why == "it burnt"
    assert search.best().number == 1


def test_the_seconds_of_all_starts_count_and_one_trial_is_whole_in_any_case(tmp_path):
    config = TuneConfig(trials=0, seconds=1e-9)
    search = Search(tmp_path, SPACE, config)
    drawn = search.next()
    assert drawn is not None
    assert search.stop_reason() == ""
    search.finish(drawn, Outcome(state="complete", eval_loss=1.0))

    assert "seconds of the search were spent" in search.stop_reason()
    assert search.next() is None
    assert Search(tmp_path, SPACE, config).next() is None


def test_trials_of_equal_knobs_are_not_run_twice(tmp_path):
    space = spaces.read("{model: [boosting, linear]}", TrainConfig(model="boosting"))
    search = Search(tmp_path, space, TuneConfig(trials=8))
    ran = []
    while (drawn := search.next()) is not None:
        outcome = search.duplicate_outcome(drawn)
        if outcome is None:
            ran.append(drawn.values["model"])
            outcome = Outcome(state="complete", eval_loss=float(len(ran)))
        search.finish(drawn, outcome)

    assert len(ran) <= 2
    assert len(search.finished()) == 8


def test_what_sets_the_losses_apart_is_found(tmp_path):
    importances = go(tmp_path, trials=10, pruner="none").importances()
    assert sum(importances.values()) == pytest.approx(1)
    assert max(importances, key=importances.get) in ("model", "learning_rate")
    assert go(tmp_path / "few", trials=2).importances() == {}


def test_trials_are_json(tmp_path):
    search = go(tmp_path, trials=6)
    for item in told(search):
        assert json.loads(json.dumps(item)) == item


@pytest.mark.parametrize(
    ("workers", "gpus", "threads", "seen"),
    [
        (0, (), [8], [None]),
        (3, (), [2, 2, 2], [None] * 3),
        (0, ("0", "1"), [4, 4], ["0", "1"]),
        (1, ("0", "1"), [8], ["0,1"]),
        (3, ("4",), [2, 2, 2], ["4"] * 3),
    ],
)
def test_each_worker_has_its_share(workers, gpus, threads, seen):
    parts = machine_shares(workers, 0, 8, gpus)
    assert [part.threads for part in parts] == threads
    assert [part.variables.get("CUDA_VISIBLE_DEVICES") for part in parts] == seen
