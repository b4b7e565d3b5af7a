"""Capped return: cash through the four tiers, to early investors, Microsoft, everyone, and the nonprofit."""

import numpy as np


def exit_fraction(exit_cash, operating_distribution):
    """Part of the period's distributable cash that comes from the exit. [fraction, rate]"""
    return np.where(exit_cash > 0, exit_cash / (exit_cash + operating_distribution), 0)


def distributable_cash(operating_distribution, exit_cash):
    """Cash to be shared among holders, exit proceeds included. [US$ bn, flow]"""
    return operating_distribution + exit_cash


def converted_distribution_days(period_start, period_end, distribution_start, exit_date, effective_conversion_date):
    """Days of the period, after conversion, in which cash is distributed. [days, rate]"""
    return np.maximum(
        np.minimum(period_end, exit_date)
        - np.maximum(np.maximum(period_start, distribution_start), effective_conversion_date)
        + 1,
        0,
    )


def capped_days_fraction(distribution_days, converted_distribution_days, converted_fraction):
    """Part of cash from operations that goes through the tiers. [fraction, rate]

    By the days before conversion among those in which cash is distributed; among all, where it is in none.
    """
    return np.where(distribution_days > 0, 1 - converted_distribution_days / distribution_days, 1 - converted_fraction)


def capped_fraction(capped_days_fraction, exit_fraction, is_converted_at_exit):
    """Part of distributable cash that goes through the tiers. [fraction, rate]

    Exit proceeds go by the structure on the exit date.
    """
    return capped_days_fraction * (1 - exit_fraction) + (1 - is_converted_at_exit) * exit_fraction


def capped_cash(distributable_cash, capped_fraction):
    """Cash that goes through the tiers. [US$ bn, flow]"""
    return distributable_cash * capped_fraction


def cap_base(microsoft_cap, cap_principal, cap_includes_principal):
    """Microsoft's cap before growth. [US$ bn, once]

    Reports differ on whether the cap counts the return of principal.
    Source: Fortune, 24 January 2023 (in all); G. Marcus, 11 January 2023 (on top of principal).
    """
    return microsoft_cap + cap_principal * (1 - cap_includes_principal)


def cap_growth_index(prior_cap_growth_index, cap_growth, calendar_year, cap_growth_start, is_year_start):
    """Growth of the caps since their start. [multiple, balance]"""
    return prior_cap_growth_index * (1 + cap_growth * (calendar_year > cap_growth_start) * is_year_start)


def microsoft_cap_in_force(cap_base, cap_growth_index):
    """Microsoft's cap. [US$ bn, balance]"""
    return cap_base * cap_growth_index


def others_cap_in_force(others_cap, cap_growth_index):
    """The other investors' and employees' cap, together. [US$ bn, balance]"""
    return others_cap * cap_growth_index


def first_close_room(first_close_size, prior_first_close_to_date):
    """Tier 1: still owed to the first investors. [US$ bn, balance]"""
    return np.maximum(first_close_size - prior_first_close_to_date, 0)


def first_close_cash(capped_cash, first_close_room):
    """Tier 1: to the first investors. [US$ bn, flow]

    Source: WSJ, October 2024.
    """
    return np.minimum(capped_cash, first_close_room)


def first_close_to_date(prior_first_close_to_date, first_close_cash):
    """Tier 1: paid to date. [US$ bn, balance]"""
    return prior_first_close_to_date + first_close_cash


def cash_after_first_close(capped_cash, first_close_cash):
    """Cash left after tier 1. [US$ bn, flow]"""
    return capped_cash - first_close_cash


def room_before_recoup(microsoft_cap_in_force, prior_microsoft_received_to_date):
    """Room under Microsoft's cap before the period. [US$ bn, balance]"""
    return np.maximum(microsoft_cap_in_force - prior_microsoft_received_to_date, 0)


def recoup_limit(recoup_microsoft_share, room_before_recoup):
    """Tier 2: cash at which Microsoft would reach its cap. [US$ bn, balance]"""
    return np.where(recoup_microsoft_share > 0, room_before_recoup / recoup_microsoft_share, np.inf)


def recoup_room(recoup_size, prior_recoup_to_date):
    """Tier 2: size left. [US$ bn, balance]"""
    return np.maximum(recoup_size - prior_recoup_to_date, 0)


def recoup_cash(cash_after_first_close, recoup_room, recoup_limit):
    """Tier 2: mostly to Microsoft, until its principal is back. [US$ bn, flow]

    Source: WSJ, October 2024; Fortune, 24 January 2023.
    """
    return np.minimum(np.minimum(cash_after_first_close, recoup_room), recoup_limit)


def recoup_to_date(prior_recoup_to_date, recoup_cash):
    """Tier 2: paid to date. [US$ bn, balance]"""
    return prior_recoup_to_date + recoup_cash


def cash_after_recoup(cash_after_first_close, recoup_cash):
    """Cash left after tier 2. [US$ bn, flow]"""
    return cash_after_first_close - recoup_cash


def microsoft_recoup(recoup_cash, recoup_microsoft_share):
    """Tier 2: to Microsoft. [US$ bn, flow]"""
    return recoup_cash * recoup_microsoft_share


def others_recoup(recoup_cash, microsoft_recoup):
    """Tier 2: to early investors and employees. [US$ bn, flow]"""
    return recoup_cash - microsoft_recoup


def room_before_split(room_before_recoup, microsoft_recoup):
    """Room under Microsoft's cap after tier 2. [US$ bn, balance]"""
    return np.maximum(room_before_recoup - microsoft_recoup, 0)


def split_limit(others_stop_with_microsoft, room_before_split, microsoft_split):
    """Tier 3: cash at which Microsoft reaches its cap and all others stop with it. [US$ bn, balance]

    Under the other reading the split goes on without Microsoft, so it has no limit here.
    """
    return np.where(
        others_stop_with_microsoft,
        np.where(room_before_split > 0, np.where(microsoft_split > 0, room_before_split / microsoft_split, np.inf), 0),
        np.inf,
    )


def split_cash(cash_after_recoup, split_limit):
    """Tier 3: shared among all. [US$ bn, flow]

    Source: WSJ, October 2024: 49 % Microsoft, 41 % employees, 8 % other investors, 2 % nonprofit.
    """
    return np.minimum(cash_after_recoup, split_limit)


def microsoft_split_due(split_cash, microsoft_split):
    """Tier 3: Microsoft's part before its cap. [US$ bn, flow]"""
    return split_cash * microsoft_split


def microsoft_split_cash(microsoft_split_due, room_before_split):
    """Tier 3: to Microsoft. [US$ bn, flow]"""
    return np.minimum(microsoft_split_due, room_before_split)


def others_split_due(split_cash, employees_split, investors_split):
    """Tier 3: employees' and other investors' part before their cap. [US$ bn, flow]"""
    return split_cash * (employees_split + investors_split)


def others_room(others_cap_in_force, prior_others_received_to_date, first_close_cash, others_recoup):
    """Room under the others' cap after tier 2. [US$ bn, balance]"""
    return np.maximum(others_cap_in_force - prior_others_received_to_date - first_close_cash - others_recoup, 0)


def others_split_cash(others_split_due, others_room):
    """Tier 3: to employees and other investors. [US$ bn, flow]"""
    return np.minimum(others_split_due, others_room)


def employees_part_of_others(employees_split, investors_split):
    """Employees' part of what goes to employees and other investors. [fraction, once]"""
    return np.where(employees_split > 0, employees_split / (employees_split + investors_split), 0)


def nonprofit_tier_cash(cash_after_recoup, split_cash):
    """Tier 4: everything, to the nonprofit. [US$ bn, flow]"""
    return cash_after_recoup - split_cash


def cap_excess(microsoft_split_due, microsoft_split_cash, others_split_due, others_split_cash):
    """Parts of the split that a cap turns over to the nonprofit. [US$ bn, flow]"""
    return (microsoft_split_due - microsoft_split_cash) + (others_split_due - others_split_cash)


def microsoft_capped_distribution(microsoft_recoup, microsoft_split_cash):
    """Capped return to Microsoft. [US$ bn, flow]"""
    return microsoft_recoup + microsoft_split_cash


def employees_capped_distribution(others_recoup, recoup_employees_share, others_split_cash, employees_part_of_others):
    """Capped return to employees. [US$ bn, flow]"""
    return others_recoup * recoup_employees_share + others_split_cash * employees_part_of_others


def investors_capped_distribution(
    first_close_cash, others_recoup, recoup_employees_share, others_split_cash, employees_part_of_others
):
    """Capped return to early and other investors. [US$ bn, flow]"""
    return (
        first_close_cash
        + others_recoup * (1 - recoup_employees_share)
        + others_split_cash * (1 - employees_part_of_others)
    )


def nonprofit_capped_distribution(split_cash, nonprofit_split, cap_excess, nonprofit_tier_cash):
    """Capped return to the nonprofit. [US$ bn, flow]"""
    return split_cash * nonprofit_split + cap_excess + nonprofit_tier_cash


def microsoft_received_to_date(prior_microsoft_received_to_date, microsoft_capped_distribution):
    """Capped return received by Microsoft to date. [US$ bn, balance]"""
    return prior_microsoft_received_to_date + microsoft_capped_distribution


def others_received_to_date(
    prior_others_received_to_date, employees_capped_distribution, investors_capped_distribution
):
    """Capped return received by employees and investors to date. [US$ bn, balance]"""
    return prior_others_received_to_date + employees_capped_distribution + investors_capped_distribution


def microsoft_cap_room(microsoft_cap_in_force, microsoft_received_to_date):
    """Room left under Microsoft's cap. [US$ bn, balance]"""
    return np.maximum(microsoft_cap_in_force - microsoft_received_to_date, 0)
