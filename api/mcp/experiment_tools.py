"""The tools about experiments."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from mcp.server import MCPServer
from pydantic import Field

from api.experiments import ExperimentAnswer
from api.mcp.answers import Experiments
from api.mcp.backend import Backend
from api.mcp.tools import DATA, READS, Ctx, End, Tenant, Zone


def add_experiment_tools(server: MCPServer[Any], backend: Backend) -> None:
    """Add the tools."""

    @server.tool(
        title="List experiments",
        annotations=READS,
        description="List the experiments (A/B tests) in which integration data was withheld or the chat was changed: "
        f"name, arms, conversations, and whether a plan says the shares. {DATA}",
    )
    async def list_experiments(ctx: Ctx, *, tenant: Tenant = None) -> Experiments:
        return Experiments.model_validate({"experiments": await backend.get(ctx, "/v1/experiments", tenant=tenant)})

    @server.tool(
        title="Get an experiment",
        annotations=READS,
        description="Get what an experiment has found: the verdict in words, whether the assignment can be trusted, "
        "and each metric's difference to the control with a 95 % interval that holds at every look, over all "
        "conversations and by stage and segment. Causal, unlike conversion_lift and csat_lift. Repeat the verdict as "
        f"it is. {DATA}",
    )
    async def get_experiment(
        ctx: Ctx,
        experiment: Annotated[str, Field(min_length=1, max_length=128, description="As list_experiments has it")],
        *,
        tenant: Tenant = None,
        end: End = None,
        time_zone: Zone = "UTC",
    ) -> ExperimentAnswer:
        # A name of dots alone would be taken for a folder of the address.
        name = quote(experiment, safe="").replace(".", "%2E")
        path = f"/v1/experiments/{name}"
        answer = await backend.get(ctx, path, tenant=tenant, to=end, time_zone=time_zone)
        return ExperimentAnswer.model_validate(answer)
