"""Customers: churn, upsell and needs, learned from delayed labels."""
