"""The Microsoft-OpenAI deal: a module per sheet, rows only, in the order of the sheets; and its story."""

from dealgrid.story import Story
from microsoft_openai import (
    access,
    azure,
    binding,
    capped_return,
    checks,
    conversion,
    exit,
    funding,
    holders,
    microsoft,
    operations,
    revenue_share,
    timing,
    unlimited_return,
)

SHEETS = (
    timing,
    conversion,
    operations,
    funding,
    revenue_share,
    capped_return,
    unlimited_return,
    exit,
    access,
    azure,
    microsoft,
    holders,
    binding,
    checks,
)

STORY = Story(
    title="Microsoft and OpenAI",
    question="What is the capped return worth, what the unlimited return, and to whom?",
    scenarios=(
        "status_quo",
        "new_deal",
        "new_deal_30",
        "new_deal_35",
        "agi_2028_status_quo",
        "agi_2028_new_deal",
        "blocked",
        "closed_oct_2025",
        "amended_apr_2026",
    ),
    present="status_quo",
    proposal="new_deal",
    holders={
        "microsoft_value": "Microsoft",
        "nonprofit_value": "Nonprofit",
        "employees_value": "Employees",
        "investors_value": "Investors to date",
        "new_investors_value": "Investors after conversion",
    },
    total="total_value",
    streams={
        "microsoft_capped_value": "Capped return",
        "microsoft_equity_value": "Stake",
        "revenue_share_value": "Revenue share",
        "azure_compute_value": "OpenAI's compute on Azure",
        "azure_openai_value": "Azure OpenAI",
        "copilot_value": "Copilot",
        "reverse_share_value": "Share paid to OpenAI",
        "outlay_value": "Money yet to put in",
    },
    outflows=("reverse_share_value", "outlay_value"),
    center="microsoft_value",
    returns={
        "microsoft_irr": "Microsoft's rate of return",
        "microsoft_moic": "Microsoft's money back",
        "microsoft_payback": "Microsoft repaid by",
    },
)
