"""The statements that update the steps of customers (``conversation_steps``, migration 0076).

Steps follow from all conversations of a customer, so those of each customer with a changed conversation are recomputed,
from the step before the earliest change on.
"""

from __future__ import annotations

from typing import Final

from kpis.analyses.journey import SATISFIED, STOPPED, UNKNOWN, WITHIN_DAYS
from kpis.analyses.sales import CONVERSATION, CUSTOMER
from kpis.rollups import freshness
from kpis.rollups.roll_up import AT_A_TIME, SOON, VERSION, RollUp, in_portion, portions
from kpis.sql.templates import Templates

_SQL: Final = Templates("kpis.rollups", "conversation_steps.sql")
_KEY: Final = "user_id, entered_at, conversation_id"
_COLUMNS: Final = (
    "user_id, entered_at, conversation_id, named, channel, country, customer_segment, stage, data_used, providers, "
    "converted, resolved, next_stage, channel_before, country_before, segment_before, stage_before, step_before"
)
_BEFORE: Final = "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"
_ROLLUP: Final = "conversation_steps"


def _customer_conversations() -> RollUp:
    """Return the roll-up of conversations written before all of them were kept by customer; it runs once."""
    name = "customer_conversations"
    insert = _SQL.render("fill", conversation=CONVERSATION, customer=CUSTOMER)
    return RollUp(name, _SQL.render("fill_once", rollup=name), (insert,))


def _conversation_steps() -> RollUp:
    since = freshness.since(_ROLLUP)
    touched = _SQL.render("touched", since=since, in_portion=in_portion("customer"))
    steps = _SQL.render(
        "steps",
        columns=_COLUMNS,
        version=VERSION,
        order="entered_at, conversation_id",
        before=_BEFORE,
        within=str(WITHIN_DAYS),
        unknown=UNKNOWN,
        done=SATISFIED,
        stopped=STOPPED,
        touched=touched,
    )
    forget = _SQL.render("forget", key=_KEY, version=VERSION, since=since, in_portion=in_portion("conversation_id"))
    slices = portions(_SQL.render("count_touched", since=since), AT_A_TIME)
    return RollUp(_ROLLUP, slices, (steps, forget), every=SOON)


CUSTOMER_CONVERSATIONS: Final = _customer_conversations()
CONVERSATION_STEPS: Final = _conversation_steps()
