"""The identity of a caller and its tenants."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.problems import ApiError, wrong
from api.roles import RIGHTS, Action, Role
from kpis.scope import ALL_TENANTS, AllTenants
from models.counting import counted
from models.fields import is_placeholder

ALL: Final = "all"


@dataclass(frozen=True)
class Identity:
    """An authenticated caller.

    ``name`` is stable and unique: rate limits and the audit log use it. ``label`` is for display.
    """

    name: str
    label: str
    roles: frozenset[Role]
    tenants: frozenset[UUID]

    @property
    def tabs(self) -> frozenset[str]:
        """The tabs that its roles may open."""
        return frozenset().union(*(RIGHTS[role].tabs for role in self.roles))

    @property
    def sees_all_tenants(self) -> bool:
        """Whether it may access all tenants."""
        return Role.ADMIN in self.roles

    def require(self, action: Action) -> None:
        """Raise ``ApiError`` unless one of its roles allows the action."""
        if not any(action in RIGHTS[role].actions for role in self.roles):
            raise ApiError(403, "wrong-role", f"{_roles(self.roles)} may not do this ({action})")

    def require_tab(self, tabs: Collection[str], what: str) -> None:
        """Raise ``ApiError`` unless it may open one of the tabs; ``what`` names their content."""
        if self.tabs.isdisjoint(tabs):
            raise ApiError(403, "wrong-role", f"{_roles(self.roles)} may not see {what}")

    def tenant(self, asked: str | None) -> UUID | AllTenants:
        """Return the requested tenant after checking access to it.

        Parameters
        ----------
        asked
            A tenant's id, ``all``, or ``None`` for the default: its only tenant, or all for an administrator.

        Raises
        ------
        ApiError
            The tenant is not one of the identity's, or it has several and named none.
        """
        if asked is None:
            return self._own()
        if asked == ALL:
            if not self.sees_all_tenants:
                raise ApiError(403, "wrong-tenant", "only administrators may ask across tenants; name one of yours")
            return ALL_TENANTS
        try:
            tenant = UUID(asked)
        except ValueError:
            raise wrong("tenant", "expected the tenant's id, a UUID, or all") from None
        if is_placeholder(tenant):
            raise wrong("tenant", "expected the tenant's id; all zeros or all f is none")
        if tenant not in self.tenants and not self.sees_all_tenants:
            raise ApiError(403, "wrong-tenant", f"tenant {tenant} is not one of yours")
        return tenant

    def may_see(self, tenant: UUID) -> bool:
        """Whether it may read rows of this tenant."""
        return self.sees_all_tenants or tenant in self.tenants

    def _own(self) -> UUID | AllTenants:
        if self.sees_all_tenants:
            return ALL_TENANTS
        if len(self.tenants) == 1:
            return next(iter(self.tenants))
        if not self.tenants:
            raise ApiError(403, "wrong-tenant", "you were given no tenant; ask who manages access here")
        raise wrong("tenant", f"you have {counted(len(self.tenants), 'tenant')}; name one")


def _roles(roles: frozenset[Role]) -> str:
    return f"role {' and '.join(sorted(roles))}" if roles else "somebody without a role"
