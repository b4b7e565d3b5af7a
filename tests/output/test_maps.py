"""Names on a map: each where it hides nothing, as far as there is such a place."""

from dealgrid.output.maps import ACROSS, DOT, LIFT, UP, Box, best_box, box_beside


def test_a_name_stands_beside_its_mark() -> None:
    right = box_beside(100, 50, ["Nash"], 1, 0)
    assert (right.left, right.top, right.bottom) == (100 + DOT, 50 - LIFT / 2, 50 + LIFT / 2)
    assert box_beside(100, 50, ["Nash"], -1, 0).right == 100 - DOT
    assert box_beside(100, 50, ["Nash", "equal gain"], 1, 1).bottom < 50 - DOT  # clear of the marks beside it
    assert box_beside(100, 50, ["Nash", "equal gain"], 1, -1).top > 50 + DOT


def test_a_name_leaves_neither_the_map_nor_hides_another_nor_a_curve() -> None:
    one, other, third = (Box(left, 10, left + 50, 20) for left in (10, 100, 200))
    assert best_box([one, other, third], [], []) == one
    assert best_box([one, other, third], [Box(0, 0, 15, 15)], []) == other
    assert best_box([one, other, third], [one], [(120, 15)]) == third
    outside = [Box(-5, 10, 20, 20), Box(ACROSS - 10, 10, ACROSS + 1, 20), Box(10, -1, 20, 10), Box(10, UP, 20, UP + 1)]
    assert best_box([*outside, third], [third], [(210, 15)]) == third


def test_boxes_meet_where_they_share_a_point() -> None:
    one = Box(0, 0, 10, 10)
    assert one.meets(Box(10, 10, 20, 20))
    assert not one.meets(Box(11, 0, 20, 10))
    assert not one.meets(Box(0, 11, 10, 20))
