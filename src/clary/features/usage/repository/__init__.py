"""Every SQL statement about the ledger, its sums, budgets and reservations."""

from clary.features.usage.repository.budgets import (
    BudgetRepository,
    Pot,
    delete_reservation,
    insert_entry,
    sums_of,
)
from clary.features.usage.repository.reports import Figures, ReportRepository

__all__ = [
    "BudgetRepository",
    "Figures",
    "Pot",
    "ReportRepository",
    "delete_reservation",
    "insert_entry",
    "sums_of",
]
