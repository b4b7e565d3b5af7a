"""The Microsoft-OpenAI deal: a module per sheet, rows only, in the order of the sheets."""

from microsoft_openai import (
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

TITLE = "Microsoft and OpenAI"
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
