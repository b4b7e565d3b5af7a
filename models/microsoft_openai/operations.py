"""Operations: what OpenAI earns, what that costs, and the cash that is left."""

import numpy as np

from dealgrid.engine.words import each


def scale_in_force(revenue_scale, valued_fraction):
    """Scale on planned revenue, from the valuation date on. [multiple, rate]"""
    return 1 + (revenue_scale - 1) * valued_fraction


def is_after_plan(period_start, plan_end):
    """The dated plans have ended. [flag, flag]"""
    return period_start > plan_end


def years_after_plan(prior_years_after_plan, is_after_plan, is_year_start):
    """Years begun since the plans ended. [count, balance]"""
    return prior_years_after_plan + is_after_plan * is_year_start


def growth_fade(years_after_plan, is_after_plan, fade_years):
    """Part of the first growth after the plan that is left. [fraction, rate]"""
    return np.maximum(1 - (years_after_plan - is_after_plan) / fade_years, 0)


def growth_after_plan_in_force(long_run_growth, growth_after_plan, growth_fade, is_after_plan, is_year_start):
    """Growth of demand after the plan, taken at the start of each year. [fraction, rate]

    Taken once a year, so that the years add up to the same in quarters as in years.
    """
    return (long_run_growth + (growth_after_plan - long_run_growth) * growth_fade) * is_after_plan * is_year_start


def growth_index(prior_growth_index, growth_after_plan_in_force):
    """Demand relative to the end of the plan. [multiple, balance]"""
    return prior_growth_index * (1 + growth_after_plan_in_force)


def competition_index(prior_competition_index, competition_drag, period_start, competition_start, is_year_start):
    """Demand left by competitors, falling at the start of each year. [multiple, balance]"""
    return prior_competition_index * (1 - competition_drag * (period_start >= competition_start) * is_year_start)


def capability_index(prior_capability_index, prior_training_cut_fraction, growth_loss, period_years):
    """Demand left after growth lost to training that could not be funded. [multiple, balance]

    Training that was cut in one period costs growth in the next.
    """
    return prior_capability_index * (1 - prior_training_cut_fraction * growth_loss * period_years)


def market_index(growth_index, competition_index, capability_index):
    """Demand relative to the plans. [multiple, rate]"""
    return growth_index * competition_index * capability_index


def partner_factor(partner_uplift, models_open_ramp):
    """Gain in API revenue from selling through other clouds. [multiple, rate]"""
    return 1 + partner_uplift * models_open_ramp


def revenue_shape(year_begun, year_elapsed, whole_year, revenue_rise):
    """Revenue of the period relative to an even spread over its year. [multiple, rate]

    The yearly rate of revenue rises evenly through the year, and the year keeps its total.
    """
    return 1 + revenue_rise * ((year_begun + year_elapsed) / whole_year - 1)


@each(product={"chatgpt": "ChatGPT", "agents": "agents and other products"})
def product_revenue(product_plan, scale_in_force, market_index, revenue_shape, period_years):
    """Revenue from {product}. [US$ bn, flow]"""
    return product_plan * scale_in_force * market_index * revenue_shape * period_years


def api_revenue(api_plan, scale_in_force, market_index, partner_factor, revenue_shape, period_years):
    """Revenue from the API. [US$ bn, flow]"""
    return api_plan * scale_in_force * market_index * partner_factor * revenue_shape * period_years


def revenue(chatgpt_revenue, api_revenue, agents_revenue):
    """Revenue. [US$ bn, flow]"""
    return chatgpt_revenue + api_revenue + agents_revenue


def yearly_revenue(revenue, periods_per_year, revenue_shape):
    """Revenue of the whole year, judged by the period. [US$ bn, rate]

    So that what a year's revenue is worth does not rise through the year and fall at its end.
    """
    return revenue * periods_per_year / revenue_shape


@each(
    cost={
        "inference_cost": "Compute for inference",
        "people_cost": "People, research and administration, in cash",
        "sales_marketing_cost": "Sales and marketing",
        "stock_compensation": "Stock compensation, not in cash",
    }
)
def cost(revenue, cost_ratio):
    """{Cost}. [US$ bn, flow]"""
    return revenue * cost_ratio


def running_costs(inference_cost, people_cost, sales_marketing_cost, stock_compensation):
    """Costs that follow revenue. [US$ bn, flow]"""
    return inference_cost + people_cost + sales_marketing_cost + stock_compensation


def gross_margin(revenue, inference_cost, revenue_share_paid):
    """Gross margin after compute for inference and the revenue share. [fraction, rate]"""
    return np.where(revenue > 0, 1 - (inference_cost + revenue_share_paid) / revenue, 0)


def long_run_training_ratio(inference_cost_ratio, people_cost_ratio, sales_marketing_cost_ratio, long_run_margin):
    """Compute for training that leaves the long-run margin. [fraction, rate]"""
    return np.maximum(1 - inference_cost_ratio - people_cost_ratio - sales_marketing_cost_ratio - long_run_margin, 0)


def planned_training_cost(is_after_plan, revenue, long_run_training_ratio, training_plan, period_years):
    """Compute for training if all of it can be funded. [US$ bn, flow]"""
    return np.where(is_after_plan, revenue * long_run_training_ratio, training_plan * period_years)


def training_cost(planned_training_cost, training_cut):
    """Compute for training. [US$ bn, flow]"""
    return planned_training_cost - training_cut


def planned_operating_profit(revenue, reverse_share_received, running_costs, planned_training_cost, revenue_share_paid):
    """Operating profit if all training can be funded. [US$ bn, flow]"""
    return revenue + reverse_share_received - running_costs - planned_training_cost - revenue_share_paid


def operating_profit(planned_operating_profit, training_cut):
    """Operating profit. [US$ bn, flow]"""
    return planned_operating_profit + training_cut


def interest_income(prior_cash, cash_yield, days_in_period, discount_basis):
    """Interest on the cash held when the period begins. [US$ bn, flow]"""
    return np.maximum(prior_cash, 0) * ((1 + cash_yield) ** (days_in_period / discount_basis) - 1)


def planned_taxable_profit(planned_operating_profit, interest_income):
    """Profit before tax if all training can be funded. [US$ bn, flow]"""
    return planned_operating_profit + interest_income


def taxable_profit(operating_profit, interest_income):
    """Profit before tax, interest on cash included. [US$ bn, flow]"""
    return operating_profit + interest_income


def planned_tax(planned_taxable_profit, prior_losses_carried, loss_use_limit, tax_rate):
    """Tax if all training can be funded. [US$ bn, flow]"""
    return tax_rate * (
        np.maximum(planned_taxable_profit, 0)
        - np.minimum(prior_losses_carried, np.maximum(planned_taxable_profit, 0) * loss_use_limit)
    )


def losses_used(prior_losses_carried, taxable_profit, loss_use_limit):
    """Past losses set against profit. [US$ bn, flow]

    Source: US Internal Revenue Code, section 172(a)(2): at most 80 % of the profit.
    """
    return np.minimum(prior_losses_carried, np.maximum(taxable_profit, 0) * loss_use_limit)


def losses_carried(prior_losses_carried, taxable_profit, losses_used):
    """Losses carried forward. [US$ bn, balance]"""
    return prior_losses_carried + np.maximum(0 - taxable_profit, 0) - losses_used


def tax(tax_rate, taxable_profit, losses_used):
    """Tax on profit. [US$ bn, flow]"""
    return tax_rate * (np.maximum(taxable_profit, 0) - losses_used)


def payables(inference_cost, planned_training_cost, period_years, payment_delay):
    """Compute received and not yet paid for. [US$ bn, balance]

    On training as planned, so that a cut saves its cash at once.
    Source: Microsoft's 10-K of July 2026 on what OpenAI owed it.
    """
    return (inference_cost + planned_training_cost) / period_years * payment_delay


def payables_increase(payables, prior_payables):
    """Cash kept by paying for compute later. [US$ bn, flow]"""
    return payables - prior_payables


def planned_free_cash_flow(
    planned_taxable_profit, stock_compensation, microsoft_credits, payables_increase, planned_tax
):
    """Free cash flow if all training can be funded. [US$ bn, flow]

    The need for money follows from it: whoever pins free cash flow in a year to come pins this row with it.
    """
    return planned_taxable_profit + stock_compensation + microsoft_credits + payables_increase - planned_tax


def free_cash_flow(taxable_profit, stock_compensation, microsoft_credits, payables_increase, tax):
    """Free cash flow. [US$ bn, flow]

    Stock compensation is not paid in cash, nor is the compute that Microsoft's credits pay for.
    """
    return taxable_profit + stock_compensation + microsoft_credits + payables_increase - tax


def business_cash_flow(free_cash_flow, interest_income, tax_rate):
    """Free cash flow of the business without its cash. [US$ bn, flow]"""
    return free_cash_flow - interest_income * (1 - tax_rate)
