"""The report of a training, read back."""

import math
import re
from dataclasses import replace

import pytest

from plimsoll.train.page import CandidateSummary, TrainingReport, training_page
from plimsoll.train.telemetry.history import Epoch, History

HISTORY = History(
    epochs=tuple(
        Epoch(number=n, train_loss=1 / n, eval_loss=0.4 + 0.1 / n, learning_rate=1e-3)
        for n in range(1, 7)
    ),
    best=5,
    planned=60,
)
NETWORK = CandidateSummary(
    model="tabm",
    eval_loss=0.40,
    parameters=1234,
    best_epoch=5,
    epochs=6,
    chosen=True,
    settings={"hidden": (512, 256), "dropout": 0.4},
    losses=[epoch.eval_loss for epoch in HISTORY.epochs],
)
BOOSTING = CandidateSummary(model="boosting", eval_loss=0.42, best_epoch=210)
TOLD = TrainingReport(
    label="late",
    task="binary",
    rows=1000,
    candidates=(NETWORK, BOOSTING),
    history=HISTORY,
    patience=3,
    facts={"seed": 7},
)


def shown(told):
    """Returns the text of the page, and checks that all of it is well formed."""
    page = training_page(told).html()
    assert page.count("<svg") == page.count("</svg>")
    assert "nan" not in re.sub(r"<[^>]*>", " ", page)
    return " ".join(re.sub(r"<style>.*?</style>|<title>.*?</title>|<[^>]*>", " ", page).split())


def test_one_network_and_boosting_beside_it():
    text = shown(TOLD)

    assert "A network (tabm) for binary on 1,000 rows." in text
    assert "-4.76%" in text
    assert "Network and gradient boosting" in text
    assert "stopped after 3 epochs without a lower eval loss" in text
    assert "best epoch 5 of 6 run" in text
    assert "hidden 512 x 256, dropout 0.4" in text
    assert "210 trees" in text
    assert "tabm chosen" in text


def test_all_models_that_were_tried_stand_in_a_table_and_a_chart():
    other = replace(NETWORK, model="mlp", eval_loss=0.41, chosen=False)
    late = CandidateSummary(model="linear", eval_loss=None, note="the time ran out")
    page = training_page(replace(TOLD, candidates=(other, NETWORK, late, BOOSTING))).html()
    text = shown(replace(TOLD, candidates=(other, NETWORK, late, BOOSTING)))

    assert "the best on eval of 4 models" in text
    assert "Models that were tried" in text
    assert "the time ran out" in text
    order = re.findall(r"<tr><td[^>]*>([a-z ]+?) *<", page)
    assert order == ["tabm", "mlp", "gradient boosting", "linear"]
    assert "Above 0.4" in text


def test_a_model_that_is_no_match_leaves_room_to_tell_the_others_apart():
    poor = replace(NETWORK, model="linear", eval_loss=5.0, chosen=False, losses=[6.0, 5.0])
    twice = replace(NETWORK, chosen=False, losses=[0.6, 0.41])
    text = shown(replace(TOLD, candidates=(NETWORK, twice, poor, BOOSTING)))

    (top,) = re.findall(r"Above ([\d.]+) nothing is drawn", text)
    assert float(top) < 1
    assert "tabm 2" in text


def test_boosting_may_be_the_one_that_is_chosen():
    candidates = (replace(NETWORK, chosen=False), replace(BOOSTING, chosen=True))
    text = shown(replace(TOLD, candidates=candidates, history=None))

    assert "Gradient boosting for binary" in text
    assert "gradient boosting chosen" in text
    assert "Losses" not in text


@pytest.mark.parametrize("change", [{"task": "regression"}, {"weighted": True}])
def test_losses_of_another_unit_are_not_drawn_into_one_chart(change):
    assert shown(TOLD).count("gradient boosting") > shown(replace(TOLD, **change)).count(
        "gradient boosting"
    )


def test_a_blend_may_be_the_one_that_is_chosen_and_the_best_boosting_is_compared_with():
    blend = CandidateSummary(
        model="blend", eval_loss=0.399, chosen=True, settings={"of": "tabm 0.7"}
    )
    worse = replace(BOOSTING, eval_loss=0.5, settings={"leaves": 7})
    candidates = (worse, replace(NETWORK, chosen=False), BOOSTING, blend)
    text = shown(replace(TOLD, candidates=candidates, history=None))

    assert "A blend of models for binary" in text
    assert "-5.00%" in text
    assert "+19.05%" in text


def test_a_network_alone_and_what_is_no_number_can_be_shown():
    odd = replace(NETWORK, eval_loss=math.nan, losses=[math.nan, math.nan])
    text = shown(replace(TOLD, candidates=(odd, replace(odd, model="mlp", chosen=False))))
    alone = shown(replace(TOLD, candidates=(NETWORK,)))

    assert "Models that were tried" in text
    assert "against boosting" not in alone


def test_names_of_data_are_text_and_the_page_is_the_same_each_time():
    hostile = replace(TOLD, label="<script>alert(1)</script>", notes=("<img src=x>",))

    page = training_page(hostile).html()

    assert "<script>" not in page
    assert "<img" not in page
    assert page == training_page(hostile).html()
