"""Azure: what Microsoft earns on OpenAI's compute and on products built with OpenAI's models."""

import numpy as np

from dealgrid.engine.words import each


def compute_spend(inference_cost, training_cost):
    """OpenAI's spending on compute. [US$ bn, flow]"""
    return inference_cost + training_cost


def azure_share(azure_share_exclusive, azure_share_open, compute_open_ramp):
    """Part of OpenAI's compute bought from Azure by choice. [fraction, rate]"""
    return azure_share_exclusive + (azure_share_open - azure_share_exclusive) * compute_open_ramp


def commitment_days(period_end, azure_commitment_end, period_start, azure_commitment_start):
    """Days of the period under the Azure commitment. [days, rate]"""
    return np.maximum(
        np.minimum(period_end, azure_commitment_end) - np.maximum(period_start, azure_commitment_start) + 1, 0
    )


def commitment_length(azure_commitment_end, azure_commitment_start):
    """Length of the Azure commitment. [days, once]"""
    return np.maximum(azure_commitment_end - azure_commitment_start + 1, 1)


def azure_commitment_due(azure_commitment, commitment_days, commitment_length):
    """Azure purchases committed for the period. [US$ bn, flow]

    The total is spread evenly over its days.
    """
    return azure_commitment * commitment_days / commitment_length


def azure_compute_revenue(compute_spend, azure_share, azure_commitment_due):
    """OpenAI's compute bought from Azure. [US$ bn, flow]

    By choice or by commitment, whichever is more, and never more than OpenAI needs.
    """
    return np.minimum(np.maximum(compute_spend * azure_share, azure_commitment_due), compute_spend)


def azure_commitment_unmet(azure_commitment_due, azure_compute_revenue):
    """Committed Azure purchases beyond what OpenAI needs, put off. [US$ bn, flow]"""
    return np.maximum(azure_commitment_due - azure_compute_revenue, 0)


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
