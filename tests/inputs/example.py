"""The files of a small deal, on which the tests of the inputs stand."""

DEAL = """\
# yaml-language-server: $schema=../schema/parameters.json
stake:
  label: Microsoft's ownership
  unit: fraction
  value: 32.5%
  range: [0%, 100%]
  grade: B
  source: press reports of the talks, July 2025
  uncertain: {uniform: [30%, 35%]}
share_rate:
  label: Share of revenue paid
  unit: fraction
  value: {2019: 20%}          # holds until the next date
  range: [0%, 50%]
  grade: B
  source: The Information via Reuters, 7 May 2025
agi_date:
  label: When AGI is declared
  unit: date
  value: never
  range: [2019, never]
  grade: J
  source: our estimate, 2026-11
  uncertain:
    hazard: {from: 2026, per_year: 8%}
    correlated: {stake: 0.4}
includes_principal:
  label: The cap includes the principal
  unit: flag
  value: yes
  range: [no, yes]
  grade: M
  source: Fortune, 12 February 2023
"""
SPLIT = """\
tranches:
  label: Money put in
  unit: US$ bn
  value: {2019-07-22: $1bn, 2021: $2bn, 2023-Q1: $10bn}
  between: nothing
  range: [0, 20]
  grade: A
  source: filings
  address: https://example.com/filing
cap:
  label: The cap
  unit: US$ bn
  value: 92
  range: [0, .inf]
  grade: B
  source: Fortune, 2023
  confidential: no
microsoft_part:
  label: Microsoft
  unit: fraction
  value: 49%
  range: [0%, 100%]
  grade: B
  source: WSJ, October 2024
  adds_to_one: tier_three
others_part:
  label: Everybody else
  unit: fraction
  value: 51%
  range: [0%, 100%]
  grade: C
  source: 100% less Microsoft
  adds_to_one: tier_three
"""
NEW_DEAL = """\
title: New deal
why: The terms under negotiation in mid-2025
set:
  # what OpenAI offers
  stake: 30%  # the low end
  share_rate: {2019: 20%, 2030: 10%}
"""
ACTUALS = """\
revenue:
  unit: US$ bn
  grade: B
  source: audited accounts reported June 2026
  values: {2022: $28m, 2024: 3.7, 2025: 13.07}
"""
ROWS = {"revenue": "US$ bn", "stake_held": "fraction", "exit_day": "date"}
