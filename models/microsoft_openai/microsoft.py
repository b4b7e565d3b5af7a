"""Microsoft: what it puts in, what comes back stream by stream, and what each stream is worth."""

from dealgrid.engine.words import each, irr, irr_state, moic, npv, payback


def microsoft_outlay(microsoft_cash_in, microsoft_credits, azure_compute_margin):
    """Money Microsoft puts in, at its cost. [US$ bn, flow]

    A credit for compute costs Microsoft what the compute costs it, not its price.
    Source: Semafor, 18 November 2023 (a significant part in compute credits).
    """
    return microsoft_cash_in + microsoft_credits * (1 - azure_compute_margin)


def outlay_to_come(coming_microsoft_cash_in, coming_microsoft_credits, azure_compute_margin):
    """Money Microsoft has yet to put in, at its cost. [US$ bn, flow]"""
    return coming_microsoft_cash_in + coming_microsoft_credits * (1 - azure_compute_margin)


_KINDS = {"contract": "contractual streams", "products": "Microsoft's products", "equity": "equity and profit rights"}


@each(kind=_KINDS)
def kind_discount_factor(kind_discount_rate, discount_years):
    """Worth today of a dollar in the period, for {kind}. [number, rate]"""
    return 1 / (1 + kind_discount_rate) ** discount_years


@each(kind=_KINDS)
def kind_value_factor(kind_discount_factor, valued_fraction):
    """Worth today of a dollar spread over the period, for {kind}. [number, rate]"""
    return kind_discount_factor * valued_fraction


def exit_discount_factor(equity_discount_rate, exit_years):
    """Worth today of a dollar at the exit. [number, once]"""
    return 1 / (1 + equity_discount_rate) ** exit_years


def distribution_value_factor(equity_value_factor, exit_fraction, exit_discount_factor):
    """Worth today of a dollar distributed in the period. [number, rate]

    Exit proceeds are discounted from the exit date, all else from the middle of the period.
    """
    return equity_value_factor * (1 - exit_fraction) + exit_discount_factor * exit_fraction


def revenue_share_value(revenue_share_paid, contract_value_factor):
    """Worth of the revenue share to Microsoft. [US$ bn, once]"""
    return npv(revenue_share_paid, contract_value_factor)


def reverse_share_value(reverse_share_received, contract_value_factor):
    """Worth of the share that flows to OpenAI. [US$ bn, once]"""
    return npv(reverse_share_received, contract_value_factor)


def azure_compute_value(azure_compute_profit, contract_value_factor):
    """Worth to Microsoft of OpenAI's compute on Azure. [US$ bn, once]"""
    return npv(azure_compute_profit, contract_value_factor)


@each(product={"azure_openai": "Azure OpenAI", "copilot": "Copilot"})
def product_value(product_profit, products_value_factor):
    """Worth of {product} to Microsoft. [US$ bn, once]"""
    return npv(product_profit, products_value_factor)


def microsoft_capped_value(microsoft_capped_distribution, distribution_value_factor):
    """Worth of Microsoft's capped return. [US$ bn, once]"""
    return npv(microsoft_capped_distribution, distribution_value_factor)


def microsoft_equity_value(microsoft_equity_distribution, distribution_value_factor):
    """Worth of Microsoft's stake. [US$ bn, once]"""
    return npv(microsoft_equity_distribution, distribution_value_factor)


def outlay_value(outlay_to_come, contract_discount_factor):
    """Worth of the money Microsoft has yet to put in. [US$ bn, once]"""
    return npv(outlay_to_come, contract_discount_factor)


def microsoft_instrument_value(microsoft_capped_value, microsoft_equity_value, outlay_value):
    """Worth of Microsoft's profit rights or stake, less what it has yet to put in. [US$ bn, once]"""
    return microsoft_capped_value + microsoft_equity_value - outlay_value


def own_research_value(own_research_cost, contract_value_factor):
    """Worth of the research Microsoft must do itself. [US$ bn, once]"""
    return npv(own_research_cost, contract_value_factor)


def microsoft_contract_value(revenue_share_value, reverse_share_value, azure_compute_value, own_research_value):
    """Worth of Microsoft's contracts with OpenAI. [US$ bn, once]"""
    return revenue_share_value - reverse_share_value + azure_compute_value - own_research_value


def microsoft_product_value(azure_openai_value, copilot_value):
    """Worth of Microsoft's products on OpenAI's models. [US$ bn, once]"""
    return azure_openai_value + copilot_value


def microsoft_value(microsoft_instrument_value, microsoft_contract_value, microsoft_product_value):
    """Worth of the partnership to Microsoft. [US$ bn, once]"""
    return microsoft_instrument_value + microsoft_contract_value + microsoft_product_value


def microsoft_instrument_cash(microsoft_capped_distribution, microsoft_equity_distribution, microsoft_outlay):
    """Microsoft's cash from profit rights or stake, less money put in. [US$ bn, flow]"""
    return microsoft_capped_distribution + microsoft_equity_distribution - microsoft_outlay


def microsoft_contract_cash(revenue_share_paid, reverse_share_received, azure_compute_profit, own_research_cost):
    """Microsoft's cash from contracts with OpenAI. [US$ bn, flow]"""
    return revenue_share_paid - reverse_share_received + azure_compute_profit - own_research_cost


def microsoft_product_cash(azure_openai_profit, copilot_profit):
    """Microsoft's cash from products on OpenAI's models. [US$ bn, flow]"""
    return azure_openai_profit + copilot_profit


def microsoft_net_cash_flow(microsoft_instrument_cash, microsoft_contract_cash, microsoft_product_cash):
    """Microsoft's net cash flow from the partnership. [US$ bn, flow]"""
    return microsoft_instrument_cash + microsoft_contract_cash + microsoft_product_cash


def microsoft_got_back(
    microsoft_capped_distribution, microsoft_equity_distribution, revenue_share_paid, returns_count_revenue_share
):
    """What the money put in brings back. [US$ bn, flow]

    Distributions and exit proceeds, and the revenue share unless it is counted as payment for other things.
    """
    return (
        microsoft_capped_distribution + microsoft_equity_distribution + revenue_share_paid * returns_count_revenue_share
    )


def microsoft_investment_flow(microsoft_got_back, microsoft_outlay):
    """Cash flow of Microsoft's investment. [US$ bn, flow]"""
    return microsoft_got_back - microsoft_outlay


def microsoft_investment_to_date(prior_microsoft_investment_to_date, microsoft_investment_flow):
    """Cash flow of Microsoft's investment to date. [US$ bn, balance]"""
    return prior_microsoft_investment_to_date + microsoft_investment_flow


def microsoft_irr(microsoft_investment_flow, periods_per_year):
    """Yearly rate of return on Microsoft's investment since 2019. [fraction, once]"""
    return irr(microsoft_investment_flow, periods_per_year)


def microsoft_irr_state(microsoft_investment_flow):
    """Kind of answer the rate of return has. [count, once]"""
    return irr_state(microsoft_investment_flow)


def microsoft_moic(microsoft_outlay, microsoft_got_back):
    """Money back for each dollar Microsoft puts in. [multiple, once]"""
    return moic(microsoft_outlay, microsoft_got_back)


def microsoft_payback(microsoft_investment_to_date, period_end):
    """End of the period from which Microsoft's money is back. [date, once]"""
    return payback(microsoft_investment_to_date, period_end)
