"""Parameter files: what they mean, and each thing that is refused, with its file and line."""

import math

import pytest

from dealgrid.inputs import Dated, read_parameters
from dealgrid.inputs.values import read_moment


def test_a_parameter_carries_everything_its_file_says(parameters):
    stake = parameters["stake"]
    assert (stake.label, stake.unit, stake.value) == ("Microsoft's ownership", "fraction", 0.325)
    assert (stake.low, stake.high, stake.grade) == (0.0, 1.0, "B")
    assert stake.source == "press reports of the talks, July 2025"
    assert (stake.sheet, stake.file, stake.line) == ("deal", "params/base/deal.yaml", 2)
    assert (stake.address, stake.note, stake.adds_to_one, stake.confidential) == ("", "", "", False)


def test_parameters_come_in_the_author_s_order(parameters):
    assert list(parameters) == [
        "stake", "share_rate", "agi_date", "includes_principal", "tranches", "cap", "microsoft_part", "others_part",
    ]  # fmt: skip


def test_values_by_date_are_dated(parameters):
    assert parameters["share_rate"].value == Dated((read_moment("2019"),), (0.2,), "step")
    days = tuple(read_moment(text) for text in ("2019-07-22", "2021-01-01", "2023-01-01"))
    assert parameters["tranches"].value == Dated(days, (1.0, 2.0, 10.0), "nothing")


def test_yes_never_and_no_limit_are_values_not_guesses(parameters):
    assert parameters["includes_principal"].value == 1.0
    assert parameters["agi_date"].value == math.inf
    assert parameters["cap"].high == math.inf


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        # keys
        ("  grade: M", "  grad: M", None, ["includes_principal", "'grad'", "did you mean `grade`?"]),
        ("  grade: M", "  grade: M\n  grade: B", 33, ["'grade' is written twice, on lines 32 and 33"]),
        ("  grade: M\n", "", 27, ["includes_principal: `grade` is missing"]),
        ("includes_principal:", "stake:", 27, ["'stake' is written twice, on lines 2 and 27"]),
        ("includes_principal:", "Includes Principal:", 27, ["cannot be the name of a parameter"]),
        ("includes_principal:", "class:", 27, ["cannot be the name of a parameter"]),
        ("includes_principal:", "prior_cap:", 27, ["'prior_cap' is reserved"]),
        ("includes_principal:", "period_end:", 27, ["'period_end' is reserved"]),
        # what is there
        ("  unit: date", "  unit: day", 19, ["agi_date: `unit` is 'day'", "did you mean `days`?"]),
        ("  grade: M", "  grade: D", 32, ["`grade` is 'D'", "`A`, `B`, `B-`"]),
        ("  source: our estimate, 2026-11", "  source:", 23, ["agi_date: `source` is empty"]),
        ("  source: our estimate, 2026-11", "  source: '  '", 23, ["agi_date: `source` is empty"]),
        ("  source: our estimate, 2026-11", "  source: [us]", 23, ["`source` is a list"]),
        ("  value: 32.5%", "  value:", 5, ["stake: `value` is empty"]),
        # values
        ("  value: 32.5%", "  value: 32.5", 5, ["stake: 32.5 is above the range", "from 0% to 100%", "mean 32.5%?"]),
        ("  value: 32.5%", "  value: -1%", 5, ["stake: -1% is below the range"]),
        ("  value: 32.5%", "  value: 2025-10-28", 5, ["stake: '2025-10-28' is a date, not a fraction"]),
        ("  value: 32.5%", "  value: $13bn", 5, ["is an amount of money, not a fraction"]),
        ("  value: 32.5%", "  value: .nan", 5, ["nan is not a value"]),
        ("  value: 32.5%", "  value: [32.5%]", 5, ["a list is not a value"]),
        ("  value: 32.5%", "  value: 32,5%", 5, ["write a decimal point"]),
        ("  value: never", "  value: 2025-02-30", 20, ["agi_date: '2025-02-30' is not a day of the calendar"]),
        ("  value: never", "  value: $3bn", 20, ["is an amount of money, not a date"]),
        ("  value: yes", "  value: maybe", 30, ["'maybe' cannot be read", "`yes` or `no`"]),
        # values by date
        ("{2019: 20%}", "{}", None, ["share_rate: no dates are given"]),
        ("{2019: 20%}", "{2019: 20%, 2018: 10%}", 13, ["'2018' does not come after 2019-01-01"]),
        ("{2019: 20%}", "{2019: 20%, 2019-01: 10%}", 13, ["'2019-01' does not come after 2019-01-01"]),
        ("{2019: 20%}", "{2019: 20%, 2019-02-29: 10%}", 13, ["date: '2019-02-29' is not a day of the calendar"]),
        ("{2019: 20%}", "{2019: 20%, never: 10%}", 13, ["'never' is not a day"]),
        ("{2019: 20%}", "{2019: 20}", 13, ["share_rate, 2019: 20 is above the range", "did you mean 20%?"]),
        ("{2019: 20%}", "{2019: }", 13, ["share_rate, 2019: the value is empty"]),
        ("{2019: 20%}", "{2019: {2020: 20%}}", 13, ["share_rate, 2019: a mapping is not a value"]),
        ("{2019: 20%} ", "{2019: 20%}\n  between: sometimes ", 14, ["'sometimes'", "`step`, `linear` or `nothing`"]),
        ("{2019: 20%} ", "{2019: 20%}\n  between: nothing ", 13, ["dated payments, which cannot be in fraction"]),
        ("  value: 32.5%", "  value: 32.5%\n  between: linear", 6, ["`between` is given, but the value has no dates"]),
        ("  value: never", "  value: {2030: never}\n  between: linear", 20, ["makes no sense for the unit date"]),
        # range
        ("[0%, 50%]", "[50%, 0%]", 14, ["share_rate, range: the range begins at 50% and ends at 0%"]),
        ("[0%, 50%]", "50%", 14, ["'50%' is not a range"]),
        ("[0%, 50%]", "[0%]", 14, ["a list is not a range"]),
        ("[0%, 50%]", "[0%, $3bn]", 14, ["share_rate, range: '$3bn' is an amount of money"]),
        ("[2019, never]", "[never, never]", 21, ["the range begins at never"]),
        # form
        ("stake:\n  label", "stake: 32.5%\nother:\n  label", 2, ["stake: '32.5%' does not describe a parameter"]),
        ("  grade: M", "  grade: M\n  confidential: perhaps", 33, ["confidential: 'perhaps'"]),
        ("  grade: M", "  grade: M\n  adds_to_one: parts", 33, ["a value in flag cannot be a part of 1"]),
        ("  grade: M", "  grade: M\n  note: [why]", 33, ["`note` is a list"]),
        # YAML
        ("  grade: M", "  grade: &m M", 32, ["an anchor is not read here"]),
        ("  grade: M", "  grade: !!str M", 32, ["a tag is not read here"]),
        ("  grade: M", "\tgrade: M", 32, ["indented with a tab"]),
        ("  grade: M", "   grade: M", 32, ["this is not YAML"]),
        ("  grade: M", "  grade: 'M", 32, ["this is not YAML"]),
        ("  grade: M", "  grade: M\n  <<: {unit: flag}", 33, ["a merge key"]),
        ("  grade: M", "  grade: M\n  [a]: b", 33, ["a list cannot be a key"]),
        ("  grade: M", "  grade: M\n---\na: b", 33, ["a second document"]),
        ("  grade: M", "  grade: \x01", 32, ["not YAML"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_what_to_do(folder, old, new, line, words):
    before = (folder.path / "base/deal.yaml").read_text()
    folder.write("base/deal.yaml", before.replace(old, new, 1))
    folder.write("scenarios/new_deal.yaml", "title: T\nwhy: W\nset: {}\n")
    problems = folder.problems()
    matching = [problem for problem in problems if all(word in str(problem) for word in words)]
    assert matching, "\n".join(map(str, problems))
    problem = matching[0]
    assert problem.where == "params/base/deal.yaml"
    assert line is None or problem.line == line
    assert problem.expected
    assert problem.advice


def test_an_alias_is_refused_once_with_its_anchor(folder):
    text = (folder.path / "base/deal.yaml").read_text()
    folder.write("base/deal.yaml", text.replace("[0%, 50%]", "&all [0%, 50%]").replace("[no, yes]", "*all"))
    assert [(problem.line, problem.what) for problem in folder.problems()] == [
        (14, "an anchor is not read here"),
        (31, "an alias is not read here"),
    ]


def test_a_parameter_in_two_files_names_both(folder):
    problem = folder.change("cap:\n", "stake:\n", "base/split.yaml")
    assert (problem.where, problem.line) == ("params/base/split.yaml", 10)
    assert problem.what == "stake is also in params/base/deal.yaml, line 2"


def test_parts_that_do_not_add_to_one_name_the_members_and_the_sum(folder):
    problem = folder.change("value: 51%", "value: 50%", "base/split.yaml")
    assert (problem.where, problem.line) == ("params/base/split.yaml", 18)
    assert "tier_three add to 99%: microsoft_part 49%, others_part 50%" in problem.what


def test_parts_by_date_must_add_to_one_on_every_date(folder):
    problem = folder.change("value: 51%", "value: {2019: 51%, 2030: 60%}", "base/split.yaml")
    assert "add to 109% on 2030-01-01: microsoft_part 49%, others_part 60%" in problem.what


def test_a_plain_number_of_dollars_is_taken_for_billions_and_the_advice_says_so(folder):
    text = (folder.path / "base/split.yaml").read_text()
    folder.write("base/split.yaml", text.replace("[0, .inf]", "[0, 500]").replace("value: 92", "value: 92e9"))
    (problem,) = folder.problems()
    assert problem.advice == "a plain number counts US$ bn: for dollars write `$92e9`"


def test_no_limit_cannot_lie_on_a_line(folder):
    problem = folder.change(
        "  value: 92\n", "  value: {2020: 92, 2030: no limit}\n  between: linear\n", "base/split.yaml"
    )
    assert "no limit cannot be a value where `between` is linear" in problem.what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing is written here"),
        (b"# only a comment\n", "nothing is written here"),
        (b"just words", "the file holds 'just words'"),
        (b"- a\n- b\n", "the file holds a list"),
        (b"a: \xff\xfe\n", "is not UTF-8"),
        (b"a: b\n" * 250_000, "bytes"),
        (b"[" * 5000, "levels inside each other"),
        (b"".join(b" " * depth + b"a:\n" for depth in range(1000)), "levels inside each other"),
        (b"%YAML 1.1\n---\na: b\n", "a directive is not read here"),
        (b'a: "\\UFFFFFFFF"\n', "not YAML"),
    ],
)
def test_a_file_that_is_no_parameter_file_is_one_plain_problem(folder, content, words):
    folder.write("base/odd.yaml", content)
    problems = [problem for problem in folder.problems() if problem.where == "params/base/odd.yaml"]
    assert len(problems) == 1
    assert words in problems[0].what


def test_files_that_would_be_ignored_are_named_and_hidden_ones_are_not(folder):
    folder.write("base/notes.txt", "x")
    folder.write("base/more.yml", "x")
    folder.write("base/sub/deal.yaml", "x")
    folder.write("base/Big Deal.yaml", "x")
    folder.write("base/.swp", "x")
    assert [problem.where for problem in folder.problems()] == [
        f"params/base/{name}" for name in ("Big Deal.yaml", "more.yml", "notes.txt", "sub")
    ]


def test_a_missing_or_empty_folder_is_a_problem(tmp_path, wrong):
    (missing,) = wrong(read_parameters, tmp_path / "nowhere")
    assert "the folder cannot be read" in missing.what
    (empty,) = wrong(read_parameters, tmp_path)
    assert "the folder is empty" in empty.what


def test_a_path_outside_the_current_directory_is_shown_as_given(tmp_path, wrong, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (problem,) = wrong(read_parameters, tmp_path / "nowhere")
    assert problem.where == str(tmp_path / "nowhere")


def test_all_problems_of_all_files_come_in_one_go(folder):
    text = (folder.path / "base/deal.yaml").read_text()
    folder.write("base/deal.yaml", text.replace("32.5%\n", "32.5\n").replace("grade: J", "grade: X"))
    folder.write("base/split.yaml", (folder.path / "base/split.yaml").read_text().replace("51%", "50%"))
    folder.write("base/broken.yaml", "a: [")
    folder.write("scenarios/new_deal.yaml", "title: T\nset: {stake: 30%, cap: never}\nwhen: now\n")
    folder.write("actuals.yaml", "revenu: {}\n")
    found = {(problem.where, problem.line) for problem in folder.problems()}
    assert found == {
        ("params/base/broken.yaml", 1),
        ("params/base/deal.yaml", 5),  # 32.5 above the range
        ("params/base/deal.yaml", 22),  # grade X
        ("params/scenarios/new_deal.yaml", 1),  # why is missing
        ("params/scenarios/new_deal.yaml", 2),  # cap: never
        ("params/scenarios/new_deal.yaml", 3),  # when
        ("params/actuals.yaml", 1),
    }


def test_a_broken_parameter_raises_no_false_alarm_where_it_is_used(folder):
    problem = folder.change("  value: 32.5%", "  value: 32.5")
    assert problem.line == 5  # neither the scenario nor the correlation that name it complain
    assert "above the range" in problem.what


def test_a_group_with_a_broken_member_raises_no_false_alarm(folder):
    problem = folder.change("value: 51%", "value: 51", "base/split.yaml")
    assert "51 is above the range" in problem.what
