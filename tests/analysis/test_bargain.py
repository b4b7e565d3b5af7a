"""The map of a negotiation: a toy by hand, the shipped one against goal seek on its borders."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from dealgrid import Deal
from dealgrid.analysis.bargain import bargain, beliefs, contour, dial, study_of, table, turning_points
from dealgrid.analysis.futures import futures
from dealgrid.inputs.bargains import Axis
from dealgrid.problems import InputError
from tests import cluster
from tests.analysis.toy import toy

STUDY = """
kind: bargain
title: The pot
why: a test
scenario: deal
present: now
set: {fee: 0}
across: {parameter: stake, from: 20%, to: 80%, points: 13}
up: {parameter: fee, from: -40, to: 40, points: 9}
parties:
  we: {label: We, rows: [ours]OURS}
  they: {label: They, rows: [theirs]THEIRS}
marks: [deal]
count: 1024
"""
PRESENT = {"now": "{fee: 0}"}


def laid_out(tmp_path: Path, ours: str = "", theirs: str = "") -> Deal:
    text = STUDY.replace("OURS", ours).replace("THEIRS", theirs)
    return toy(tmp_path, PRESENT, {"share": text.replace("set: {fee: 0}\n", "")})


def test_with_the_same_beliefs_and_nothing_to_gain_together_the_map_is_a_zero_sum_line(tmp_path: Path) -> None:
    found = bargain(laid_out(tmp_path), "share")
    one, other = found.surfaces
    assert one.gain + other.gain == pytest.approx(np.zeros((9, 13)), abs=1e-9)
    # A mean pot of 100: we gain 100 × (stake − 50%) + fee.
    expected = 100 * (found.across[np.newaxis] - 0.5) + found.up[:, np.newaxis]
    assert (np.abs(one.gain - expected) <= 4 * one.error + 1e-9).all()
    pot = one.gain[4, -1] / 0.3  # the mean pot drawn: at no fee and a stake of 80%
    for party in (0, 1):
        pieces = found.indifference(party)
        assert len(pieces) > 10
        assert pot * (pieces[:, [0, 2]] - 0.5) + pieces[:, [1, 3]] == pytest.approx(
            np.zeros((len(pieces), 2)), abs=1e-9
        )
    assert not found.sure_zone.any()
    assert found.pareto.sum() >= 100  # what one side gains the other loses


def test_a_larger_pot_in_their_eyes_opens_a_zone(tmp_path: Path) -> None:
    found = bargain(laid_out(tmp_path, theirs=", believe: {pot: {uniform: [180, 220]}}"), "share")
    across, up = np.meshgrid(found.across, found.up)
    ours, theirs = 100 * (across - 0.5) + up, -200 * (across - 0.5) - up
    clear = (np.abs(ours) > 0.5) & (np.abs(theirs) > 0.5)
    assert (found.zone == ((ours > 0) & (theirs > 0)))[clear].all()
    nash = found.nash()
    assert nash is not None
    # With d = 50% − stake: gains fee − 100 d and 200 d − fee. At the highest fee, 40, their product is largest at
    # 100 × (80 − 400 d + 40) = 0: d = 30%, where we gain 10 and they 20.
    assert (nash.across, nash.up) == pytest.approx((0.2, 40.0))
    assert nash.gains == pytest.approx((10, 20), abs=0.1)


def test_a_map_without_a_zone_says_so(tmp_path: Path) -> None:
    deal = laid_out(tmp_path)
    study = dataclasses.replace(
        study_of(deal, "share"), across=Axis("stake", 0.6, 0.8, 3), up=Axis("fee", 0.0, 40.0, 3)
    )
    found = bargain(deal, study)  # more for us, and a fee on top: nothing for them anywhere
    assert (found.nash(), found.equal_gain()) == (None, None)
    assert (found.nearest().across, found.nearest().up) == pytest.approx((0.6, 0.0))
    assert "nearest to agreement" in found.places().index


def test_regret_is_how_often_the_deal_turns_out_worse(tmp_path: Path) -> None:
    found = bargain(laid_out(tmp_path), "share")
    up = int(np.argmin(np.abs(found.up - 20)))  # a fee of 20 for 20% less: worth it for pots below 100, half of them
    across = int(np.argmin(np.abs(found.across - 0.3)))
    assert found.surfaces[0].regret[up, across] == pytest.approx(0.5, abs=0.02)


def test_a_term_on_an_axis_cannot_be_a_belief(tmp_path: Path) -> None:
    deal = laid_out(tmp_path, theirs=", set: {stake: 40%}")
    with pytest.raises(InputError, match="takes stake for given, which is on an axis"):
        bargain(deal, "share")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("parameter: stake", "parameter: steak", "did you mean `stake`"),
        ("to: 80%", "to: 180%", "range"),
        ("points: 13", "points: 1", "2 to 500"),
        ("present: now", "present: nwo", "did you mean `now`"),
        ("rows: [theirs]", "rows: [thiers]", "did you mean `theirs`"),
        ("parameter: fee, from: -40, to: 40", "parameter: stake, from: 0%, to: 40%", "is on both axes"),
        ("count: 1024", "count: many", "count"),
    ],
)
def test_a_study_that_cannot_be_used_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = STUDY.replace("OURS", "").replace("THEIRS", "").replace("set: {fee: 0}\n", "")
    assert old in text
    with pytest.raises(InputError, match=words):
        toy(tmp_path, PRESENT, {"share": text.replace(old, new)})


def test_a_contour_of_a_plane_is_its_zero_line() -> None:
    across, up = np.linspace(0, 4, 5), np.linspace(0, 3, 4)
    pieces = contour(across, up, across[np.newaxis] + up[:, np.newaxis] - 2.5)
    assert pieces[:, 0] + pieces[:, 1] == pytest.approx(np.full(len(pieces), 2.5))
    assert pieces[:, 2] + pieces[:, 3] == pytest.approx(np.full(len(pieces), 2.5))


def test_a_contour_at_a_saddle_joins_by_the_mean() -> None:
    pieces = contour(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([[3.0, -1.0], [-1.0, 3.0]]))
    assert len(pieces) == 2  # the low corners are cut off, one by one
    assert {tuple(sorted((round(a, 2), round(b, 2)))) for a, b in pieces[:, :2]} <= {
        (0.75, 0),
        (0, 0.75),
        (0.25, 1),
        (0, 0.25),
        (0.75, 1),
    }


# --- the shipped map ----------------------------------------------------------------------------------------------

SHIPPED = "bargain-stake-share"


def test_the_border_of_the_zone_is_where_goal_seek_finds_it(deal: Deal) -> None:
    study = study_of(deal, SHIPPED)
    plain = tuple(
        dataclasses.replace(party, believe={}) for party in study.parties
    )  # goal seek knows the base's beliefs
    study = dataclasses.replace(study, parties=plain)
    found, laid = bargain(deal, study, 512, points=(11, 3)), table(deal, study, 512)
    borders = 0
    for party, surface in enumerate(found.surfaces):
        had = next(side.present for side in laid.sides if surface.party in side.parties)[surface.party.name].mean()
        path = found.levers[1].path(float(found.up[1]))
        settings = {**study.set, **surface.party.set, study.up.parameter: path}
        for stake, error in found.border(party, 1):
            solved = deal.solve(
                study.across.parameter, surface.party.rows[0], float(had), scenario=study.scenario, set=settings,
                expected=True, count=512, seed=found.seed,
            )  # fmt: skip
            assert min(abs(each.value - stake) for each in solved.solutions) < error
            borders += 1
    assert borders == 2


def test_marks_are_valued_with_all_their_clauses(deal: Deal) -> None:
    found = bargain(deal, SHIPPED, 128, points=(2, 2))
    assert [mark.name for mark in found.marks] == [deal.scenario(name).title for name in found.study.marks]
    at_30 = next(mark for mark in found.marks if mark.name == deal.scenario("new_deal_30").title)
    assert (at_30.across, at_30.up) == pytest.approx((0.30, 0.10))


def test_beliefs_can_be_turned(deal: Deal) -> None:
    laid = table(deal, SHIPPED, 128)
    frame = dial(laid)
    assert len(frame) == laid.study.belief.points
    for party in laid.study.parties:
        assert all(0 < chance < 1 for chance, _ in turning_points(frame, party.name))
    assert len(beliefs(laid)) == 2


@pytest.mark.parametrize("name", ["bargain-stake-share", "bargain-stake-cap", "bargain-share-access"])
def test_every_shipped_map_can_be_drawn_and_its_checks_hold(deal: Deal, name: str) -> None:
    found = bargain(deal, name, 128, points=(5, 4))
    assert found.failed == 0
    assert len(found.table()) == 20


@pytest.mark.long
def test_the_same_numbers_from_a_cluster_that_loses_a_worker(deal: Deal, copy: Path) -> None:
    here = bargain(deal, SHIPPED, 512, points=(7, 12))
    alone = futures(deal, "new_deal", 60_000, 4)
    mine = Deal.load(root=copy)
    shutil.copytree(copy, copy / "theirs")
    path = copy / "theirs" / "params" / "base" / "exit.yaml"  # where the workers stand; it is not to be read
    path.write_text(path.read_text(encoding="utf-8").replace("value: 5x", "value: 6x", 1), encoding="utf-8")
    with cluster.running(copy / "theirs") as there:

        def kill(done: int, of: int) -> None:
            if done == 3:
                there.workers[0].kill()

        far = bargain(mine, SHIPPED, 512, points=(7, 12), cluster=there.address, tell=kill)
        spread = futures(mine, "new_deal", 60_000, 4, cluster=there.address)
        assert there.workers[0].wait() < 0
        assert there.workers[1].poll() is None
    for one, other in zip(here.surfaces, far.surfaces, strict=True):
        assert (one.gain == other.gain).all()
        assert (one.error == other.error).all()
    assert (alone.tally.mean == spread.tally.mean).all()
    assert alone.summary().equals(spread.summary())


@pytest.mark.long
@pytest.mark.parametrize("workers", [2, 3])
def test_the_same_numbers_from_any_number_of_workers(deal: Deal, workers: int) -> None:
    one, other = bargain(deal, SHIPPED, 256, points=(5, 6)), bargain(deal, SHIPPED, 256, points=(5, 6), workers=workers)
    assert (one.surfaces[0].gain == other.surfaces[0].gain).all()
    assert (one.surfaces[1].error == other.surfaces[1].error).all()
    few = futures(deal, "status_quo", 40_000, 4)
    assert few.summary().equals(futures(deal, "status_quo", 40_000, 4, workers=workers).summary())
