from __future__ import annotations

from uuid import UUID

import pytest

from api.identity import Identity
from api.problems import ApiError
from api.roles import AREA_TABS, INSIGHT_TABS, REPORT_TABS, RIGHTS, TABS, Action, Role
from kpis.kpi import Area
from kpis.scope import ALL_TENANTS
from models.insights import TYPES
from reports.request import ReportType

ONE, TWO = UUID(int=1), UUID(int=2)


def somebody(role: Role, *tenants: UUID) -> Identity:
    return Identity("key:a", "a", frozenset({role}), frozenset(tenants))


def test_everybody_asks_for_the_tenant_they_have() -> None:
    assert somebody(Role.VIEWER, ONE).tenant(None) == ONE
    assert somebody(Role.VIEWER, ONE, TWO).tenant(str(TWO)) == TWO
    assert somebody(Role.ADMIN).tenant(None) is ALL_TENANTS
    assert somebody(Role.ADMIN).tenant("all") is ALL_TENANTS
    assert somebody(Role.ADMIN).tenant(str(ONE)) == ONE


@pytest.mark.parametrize(
    ("tenants", "asked", "status"),
    [((ONE,), str(TWO), 403), ((ONE,), "all", 403), ((), None, 403), ((ONE, TWO), None, 422), ((ONE,), "mine", 422)],
)
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_administrator_asks_for_another_tenant(
    role: Role, tenants: tuple[UUID, ...], asked: str | None, status: int
) -> None:
    with pytest.raises(ApiError) as refused:
        somebody(role, *tenants).tenant(asked)
    assert refused.value.status == status


@pytest.mark.parametrize("asked", [UUID(int=0), UUID(int=2**128 - 1)])
def test_no_tenant_has_an_id_of_zeros_or_f(asked: UUID) -> None:
    with pytest.raises(ApiError, match="is none"):
        somebody(Role.ADMIN).tenant(str(asked))


def test_somebody_without_a_role_may_do_nothing() -> None:
    nobody = Identity("oidc:x", "", frozenset(), frozenset({ONE}))
    assert nobody.tabs == frozenset()
    for action in Action:
        with pytest.raises(ApiError):
            nobody.require(action)


def test_the_table_of_roles_covers_everything_there_is() -> None:
    assert RIGHTS.keys() == set(Role)
    assert AREA_TABS.keys() == set(Area)
    assert INSIGHT_TABS.keys() == set(TYPES)
    assert REPORT_TABS.keys() == set(ReportType)
    named = set().union(*AREA_TABS.values(), *INSIGHT_TABS.values(), *REPORT_TABS.values())
    assert named <= TABS.keys()
    assert set().union(*(rights.tabs for rights in RIGHTS.values())) == TABS.keys()
