"""What the assistant can do: one declaration per tool.

Importing this package declares all tools; the order below is the order of the prompt block and of the docs.
"""

from tools import (  # noqa: F401  # importing declares
    audit,
    bins,
    explain,
    fleet,
    forecast,
    images,
    models,
    proposals,
    reports,
    round_changes,
    rounds,
    search,
    service,
)
