"""Seeded traffic with known ground truth: tenants, their integrations, conversations, incidents. Pure, no clock.

Start at ``scenario.py``; what is known about the traffic is in ``truth.py``; damage on purpose is in ``faults.py``.
"""
