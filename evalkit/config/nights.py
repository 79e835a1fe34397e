"""The sections of the YAML for scheduled comparisons: what is remembered, what is watched, who is told."""

from typing import Literal

from pydantic import Field

from evalkit.config.spec import OpenSpec, Spec

__all__ = ["AlertSpec", "CatalogWatchSpec", "HistorySpec", "NightlySpec"]

AlertKind = Literal["regression", "recovery", "could_not_run", "moved", "catalog"]


class HistorySpec(Spec):
    """Where past runs are registered."""

    enabled: bool = Field(default=True, description="register runs in .evalkit/history.sqlite")
    keep: int | None = Field(
        default=None,
        ge=30,
        description="how many nights of this name to remember, and as many other runs; 30 at least: drift takes ten"
        " nights to learn what is usual, and looks for a move in those after them; run folders are never deleted",
    )


class AlertSpec(OpenSpec):
    """Who is told what; further keys are the options of the channel named by `use`."""

    use: str = Field(description="the channel plugin: slack, webhook, email or github_issue")
    on: list[AlertKind] | None = Field(
        default=None,
        description="which of regression, recovery, could_not_run, moved and catalog to tell; all when left out",
    )


class CatalogWatchSpec(Spec):
    """What to do about models that an endpoint starts or stops listing."""

    watch: bool = Field(default=True, description="compare each endpoint's list of models with the night before")
    join: list[str] = Field(
        default_factory=list, description="globs of ids: a newly listed model that matches joins the night's run"
    )
    max_cost: float | None = Field(
        default=None, gt=0, description="USD that the models which joined may cost in one night, together"
    )
    max_models: int = Field(default=3, ge=0, description="the most models that join in one night")


class NightlySpec(Spec):
    """What `evalkit nightly` does beside a run."""

    rejudge: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="judge the stored answers of the night before again, to tell a moved judge from a moved model;"
        " auto: where a judged score has changed",
    )
    catalog: CatalogWatchSpec = Field(default_factory=CatalogWatchSpec, description="the endpoints' lists of models")
    quarantine: str | None = Field(
        default=None, description="a file of `evalkit quarantine add`: unstable samples that nightly claims leave out"
    )
    alerts: list[AlertSpec] = Field(default_factory=list[AlertSpec], description="who is told what")
