"""The message of an insight: the same fields, as JSON that its published schema describes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import fastjsonschema

from models.insight_message import InsightMessage, key_of, value_of
from models.insights import ALL_TENANTS_ID, Insight
from models.schema import asyncapi, json_schema
from models.topics import INSIGHTS
from tests.examples.insights import TENANT, insight


def test_a_message_has_the_fields_of_an_insight_in_their_order() -> None:
    assert tuple(InsightMessage.__annotations__) == Insight._fields


def test_a_message_says_what_the_insight_says() -> None:
    one = insight(members=(UUID(int=7),), ended_at=None)
    message: dict[str, Any] = json.loads(value_of(one))
    assert message["id"] == str(one.id)
    assert message["started_at"] == "2026-01-15T11:00:00Z"
    assert message["ended_at"] is None
    assert message["members"] == [str(UUID(int=7))]
    assert message["observed"] == one.observed


def test_the_published_schema_takes_every_message_and_wants_every_field() -> None:
    validate = fastjsonschema.compile(json_schema(INSIGHTS))
    message = json.loads(value_of(insight()))
    assert validate(message) == message
    assert set(json_schema(INSIGHTS)["required"]) == set(Insight._fields)


def test_the_asyncapi_document_describes_the_message_and_its_key() -> None:
    components = asyncapi()["components"]
    assert components["schemas"]["InsightMessage"]["properties"].keys() == set(Insight._fields)
    key = components["messages"]["InsightMessage"]["bindings"]["kafka"]["key"]
    assert "provider" in key["description"]


def test_messages_about_a_tenant_stay_together_and_those_about_a_provider_too() -> None:
    assert key_of(insight()) == str(TENANT)
    assert key_of(insight(user_id=ALL_TENANTS_ID)) == "hubspot"
