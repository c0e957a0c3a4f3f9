import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pictures.drawn import HOSTILE, of_class, parsed, tags
from plimsoll.pictures.dag import ROOM, Node, dag, fitting
from plimsoll.pictures.layers import layered, ordered
from plimsoll.pictures.markup import text_width

SPINE = {
    "ingest": [],
    "validate": ["ingest"],
    "transform": ["ingest", "validate"],
    "train": ["transform"],
    "evaluate": ["ingest", "validate", "transform", "train"],
    "push": ["evaluate"],
}


@st.composite
def graphs(draw):
    names = [f"n{index}" for index in range(draw(st.integers(0, 14)))]
    return {
        name: draw(st.lists(st.sampled_from([*names, "unknown"]), max_size=4, unique=True))
        for name in names
    }


@given(graphs())
def test_every_node_is_ordered_once_and_after_what_it_waits_for(after):
    order = ordered(after)
    assert sorted(order) == sorted(after)
    acyclic = {name: [p for p in before if p in after and int(p[1:]) < int(name[1:])]
               for name, before in after.items()}  # fmt: skip
    place = {name: index for index, name in enumerate(ordered(acyclic))}
    assert all(place[p] < place[name] for name, before in acyclic.items() for p in before)


@settings(max_examples=60)
@given(graphs())
def test_edges_run_down_one_layer_and_nothing_overlaps(after):
    rows = layered(after, 200, 1000)
    for layer, row in enumerate(rows):
        assert sum(not item.lane for item in row) <= 5
        for item in row:
            assert item.layer == layer
            assert all(child.layer == layer + 1 for child in item.below)
        for left, right in itertools.pairwise(row):
            assert right.x - left.x >= (left.width + right.width) / 2 + 9
    if rows:
        assert min(item.x - item.width / 2 for row in rows for item in row) >= -0.1


def test_every_edge_of_a_graph_without_circles_arrives():
    arrived = set()

    def follow(source, item):
        for child in item.below:
            if child.lane:
                follow(source, child)
            else:
                arrived.add((source, child.name))

    for row in layered(SPINE, 200, 1000):
        for item in row:
            if not item.lane:
                follow(item.name, item)
    assert arrived >= {(parent, name) for name, before in SPINE.items() for parent in before}


def test_a_chain_stands_straight_beside_its_lanes():
    places = [item.x for row in layered(SPINE, 200, 1000) for item in row if not item.lane]
    assert max(places) - min(places) <= 0.2


def test_a_node_is_told_by_text_as_well_as_by_colour_and_leads_to_its_section():
    node = Node(name="train", state="failed", tone="bad", sign="✕", tag="cached", link="#step-1")
    markup, _ = dag([node])
    (box,) = of_class(markup, "node")
    assert [item.text for item in box.iter("text")] == ["✕", "train", None, "cached"]
    assert box.find("title").text == "train · failed · cached"
    assert parsed(markup).find(".//a").get("href") == "#step-1"


def test_hostile_names_stay_text_and_inside_their_box():
    markup, _ = dag([Node(name=HOSTILE, after=(HOSTILE, "nope"), detail=HOSTILE, link=HOSTILE)])
    assert not tags(markup) & {"script", "img", "style"}
    assert fitting("W" * 200, 100, 13) != "W" * 200
    assert text_width(fitting("W" * 200, 100, 13), 13) <= 100
    assert fitting("short", 100, 13) == "short"


def test_graphs_of_no_one_and_sixty_steps_are_drawn():
    assert dag([]) == ("", 0)
    assert len(of_class(dag([Node(name="only")])[0], "node")) == 1
    fan = [Node(name="split"), *(Node(name=f"s{i}", after=("split",)) for i in range(58))]
    markup, width = dag([*fan, Node(name="join", after=tuple(node.name for node in fan))])
    assert len(of_class(markup, "node")) == 60
    assert width < 2.2 * ROOM
    assert len(of_class(dag([Node(name=f"s{i}", after=(f"s{i - 1}",)) for i in range(60)])[0],
                        "edge")) == 59  # fmt: skip
