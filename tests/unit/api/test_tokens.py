"""What a sign-in service says of somebody, as the API stores and shows it."""

from __future__ import annotations

import json
from uuid import UUID

from api import tokens
from api.roles import Role

_TENANT = UUID(int=5)


def test_a_name_with_half_a_surrogate_pair_can_be_stored() -> None:
    sent = '{"sub": "anna\\ud800", "name": "Anna \\ud83d", "roles": [], "tenants": []}'
    identity = tokens._identity(json.loads(sent))
    assert (identity.name, identity.label) == ("oidc:anna?", "Anna ?")
    assert identity.name.encode()


def test_roles_and_tenants_are_those_of_the_claims_and_unknown_roles_are_none() -> None:
    claims = {"sub": "anna", tokens.ROLES_CLAIM: ["viewer", "emperor"], tokens.TENANTS_CLAIM: [str(_TENANT)]}
    identity = tokens._identity(claims)
    assert (identity.roles, identity.tenants, identity.label) == (frozenset({Role.VIEWER}), frozenset({_TENANT}), "")
