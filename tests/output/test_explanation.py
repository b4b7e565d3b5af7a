"""The explanation as a tree: every figure of it, folded but for the top, and safe whatever a source says."""

import dataclasses
import html
import re

import pytest

from dealgrid import Case, Deal, Explanation, InputError
from dealgrid.output import explanation
from dealgrid.output.explanation import Tree, explain_tree


def all_of(each: Explanation) -> list[Explanation]:
    return [each, *(deeper for part in each.parts for deeper in all_of(part))]


@pytest.fixture(scope="module")
def case(deal: Deal) -> Case:
    return deal.case("amended_apr_2026")


@pytest.fixture(scope="module")
def tree(case: Case) -> Tree:
    return explain_tree(case, "revenue_share_paid", "2027", depth=4)


def test_every_figure_stands_in_it_with_value_unit_formula_and_source(tree: Tree) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", tree._repr_html_()))
    for each in all_of(tree.explanation):
        assert f"{each.name}{' ' + each.period if each.period else ''} = {explanation.figure_text(each)}" in text
        if each.formula:
            assert f"= {each.formula}" in text
        for note in explanation.notes(each):
            assert note in text
    graded = [each for each in all_of(tree.explanation) if each.grade]
    assert graded
    assert all(f"(grade {each.grade})" in text for each in graded)


def test_text_and_page_say_the_same(tree: Tree) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", " ", tree._repr_html_()))
    assert re.sub(r"\s+", "", text) == re.sub(r"\s+", "", repr(tree) + tree.caption)


def test_only_the_top_is_unfolded_and_folding_needs_no_script(tree: Tree) -> None:
    drawn = tree._repr_html_()
    unfolded = [each for each in all_of(tree.explanation) if each.parts]
    assert drawn.count("<details") == drawn.count("<summary") == len(unfolded)
    assert drawn.count("<details open") == 1
    assert "<script" not in drawn
    assert "onclick" not in drawn


def test_it_is_the_same_every_time(deal: Deal, tree: Tree) -> None:
    again = explain_tree(deal.case("amended_apr_2026"), "revenue_share_paid", "2027", depth=4)
    assert again._repr_html_() == tree._repr_html_()


def test_what_a_source_says_is_read_as_words(tree: Tree) -> None:
    hostile = dataclasses.replace(tree.explanation, source='<script>alert("x")</script>', label="<b>x</b>", parts=())
    drawn = Tree(hostile, "<i>")._repr_html_()
    assert "<script" not in drawn
    assert "<i>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_row_there_is_not_is_refused(case: Case) -> None:
    with pytest.raises(InputError, match="did you mean `revenue_share_paid`"):
        explain_tree(case, "revenue_share_payd")
