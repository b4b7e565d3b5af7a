"""Azure: what Microsoft earns on OpenAI's compute and on products built with OpenAI's models."""

import numpy as np

from dealgrid.engine.words import each


def compute_spend(inference_cost, training_cost):
    """OpenAI's spending on compute. [US$ bn, flow]"""
    return inference_cost + training_cost


def azure_share(azure_share_exclusive, azure_share_open, compute_open_ramp):
    """Part of OpenAI's compute bought from Azure by choice. [fraction, rate]"""
    return azure_share_exclusive + (azure_share_open - azure_share_exclusive) * compute_open_ramp


def azure_by_choice(compute_spend, azure_share):
    """Compute OpenAI would buy from Azure without a commitment. [US$ bn, flow]"""
    return compute_spend * azure_share


def commitment_days_to_date(period_end, azure_commitment_end, azure_commitment_start):
    """Days of the Azure commitment gone by. [days, balance]"""
    return np.maximum(np.minimum(period_end, azure_commitment_end) - azure_commitment_start + 1, 0)


def commitment_length(azure_commitment_end, azure_commitment_start):
    """Length of the Azure commitment. [days, once]"""
    return np.maximum(azure_commitment_end - azure_commitment_start + 1, 1)


def azure_commitment_to_date(azure_commitment, commitment_days_to_date, commitment_length):
    """Azure purchases committed to date. [US$ bn, balance]

    The filing gives a total and no years: it is spread evenly over its days, and counts as a running total.
    What is bought beyond it early need not be bought later; what is put off is due as soon as it can be used,
    after the last day too.
    Source: SEC 10-Q for the quarter to 30 September 2025.
    """
    return azure_commitment * commitment_days_to_date / commitment_length


def azure_commitment_due(azure_commitment_to_date, prior_azure_counted_to_date):
    """Azure purchases that the commitment asks for. [US$ bn, flow]"""
    return np.maximum(azure_commitment_to_date - prior_azure_counted_to_date, 0)


def azure_counted_fraction(period_end, azure_commitment_start, days_in_period):
    """Part of the period whose purchases count towards the commitment. [fraction, rate]"""
    return np.minimum(np.maximum(period_end - azure_commitment_start + 1, 0) / days_in_period, 1)


def azure_not_counted(azure_by_choice, azure_counted_fraction):
    """Azure purchases before the commitment begins. [US$ bn, flow]"""
    return azure_by_choice * (1 - azure_counted_fraction)


def azure_compute_revenue(azure_by_choice, azure_not_counted, azure_commitment_due, compute_spend):
    """OpenAI's compute bought from Azure. [US$ bn, flow]

    By choice or by commitment, whichever is more, and never more than OpenAI needs.
    """
    return np.minimum(np.maximum(azure_by_choice, azure_not_counted + azure_commitment_due), compute_spend)


def azure_counted_to_date(prior_azure_counted_to_date, azure_compute_revenue, azure_not_counted):
    """Azure purchases counted towards the commitment to date. [US$ bn, balance]"""
    return prior_azure_counted_to_date + azure_compute_revenue - azure_not_counted


def azure_commitment_unmet(azure_commitment_to_date, azure_counted_to_date):
    """Committed Azure purchases put off to date, beyond what OpenAI needs. [US$ bn, balance]"""
    return np.maximum(azure_commitment_to_date - azure_counted_to_date, 0)


def azure_compute_profit(azure_compute_revenue, microsoft_credits, azure_compute_margin):
    """Microsoft's profit on OpenAI's compute. [US$ bn, flow]

    On what OpenAI pays for; credits are counted at their cost with the money put in.
    """
    return np.maximum(azure_compute_revenue - microsoft_credits, 0) * azure_compute_margin


def microsoft_ai_index(prior_microsoft_ai_index, microsoft_ai_growth, is_after_plan, is_year_start):
    """Demand for Microsoft's products on OpenAI's models after the plan. [multiple, balance]"""
    return prior_microsoft_ai_index * (1 + microsoft_ai_growth * is_after_plan * is_year_start)


_PRODUCTS = {"azure_openai": "Azure OpenAI", "copilot": "Copilot"}


@each(product=_PRODUCTS)
def product_demand(product_plan, microsoft_ai_index, product_open_loss, models_open_ramp, period_years):
    """Revenue of {product} with full access. [US$ bn, flow]

    Some of it goes to other clouds once they may sell OpenAI's models.
    """
    return product_plan * microsoft_ai_index * (1 - product_open_loss * models_open_ramp) * period_years


@each(product=_PRODUCTS)
def product_revenue(product_demand, product_dependence, lost_fraction):
    """Revenue of {product}. [US$ bn, flow]"""
    return product_demand * (1 - product_dependence * lost_fraction)


@each(product=_PRODUCTS)
def product_profit(product_revenue, product_margin):
    """Microsoft's profit on {product}. [US$ bn, flow]"""
    return product_revenue * product_margin


@each(product=_PRODUCTS)
def product_profit_lost(product_demand, product_revenue, product_margin):
    """Profit on {product} lost with access. [US$ bn, flow]"""
    return (product_demand - product_revenue) * product_margin


def profit_lost_to_access(azure_openai_profit_lost, copilot_profit_lost):
    """Microsoft's profit lost with access. [US$ bn, flow]"""
    return azure_openai_profit_lost + copilot_profit_lost
