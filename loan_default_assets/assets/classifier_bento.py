"""The asset `classifier_bento`."""

from dataclasses import replace

import dagster as dg

from loan_default_assets.orchestration.resources import ModelStore, Warehouse
from loan_default_assets.orchestration.retry_policy import reported
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset; a version is packaged once. The running service follows the registry and does not need it."""
    key = dg.AssetKey([portfolio.name, "classifier_bento"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="The champion in BentoML's model store, and a Bento that serves this version only. Built from the "
        "champion's artifact, ready to be served or containerized.",
        kinds={"bentoml"},
        deps=[dg.AssetKey([portfolio.name, "champion"])],
        automation_condition=dg.AutomationCondition.eager(),
    )
    @reported
    def classifier_bento(
        context: dg.AssetExecutionContext, warehouse: Warehouse, models: ModelStore
    ) -> dg.MaterializeResult:
        from bento.packaging import build_bento, save_model
        from loan_default_assets.signing.signed_models import signature_rules

        champion = warehouse.registry(portfolio).champion()
        if champion is None:
            raise dg.Failure("there is no champion; materialize champion first", allow_retries=False)
        found = models.artifacts.check_served(champion)
        if not found.intact:
            raise dg.Failure(found.problem, allow_retries=False)
        evaluation = warehouse.evaluations(portfolio).latest(champion.version)
        figures = dict(evaluation.metrics) if evaluation else {}
        record = replace(champion, metrics=dict(champion.metrics) | figures)
        store, trusted = settings.bento_store, signature_rules(settings).trusted()
        tag = save_model(found.path, record, portfolio, store=store, trusted=trusted)
        built = build_bento(tag, store=store)
        context.log.info(f"classifier_bento: {built.tag}, {built.size_bytes / 1e6:.1f} MB")
        return dg.MaterializeResult(
            data_version=dg.DataVersion(built.tag),
            metadata={
                "model": tag,
                "bento": built.tag,
                "size_bytes": built.size_bytes,
                "path": dg.MetadataValue.path(str(built.path)),
                "serve": f"BENTOML_HOME={store} bentoml serve {built.tag}",
                "containerize": f"BENTOML_HOME={store} bentoml containerize {built.tag}",
            },
        )

    return classifier_bento
