"""Installations with homes of their own that share a root behind a URL."""

from dataclasses import dataclass, replace
from pathlib import Path

from loan_default_assets.model.artifact_store import ArtifactCheck, ArtifactStore
from loan_default_assets.object_store.artifact_cache import ArtifactCache, artifact_cache
from loan_default_assets.object_store.object_root import ObjectRoot
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store, model_signer
from loan_default_assets_tests.model.test_artifact_store import Registered, put


@dataclass(frozen=True)
class Host:
    """One installation."""

    settings: Settings

    @classmethod
    def of(cls, home: Path, url: str, **settings: object) -> "Host":
        return cls(Settings(loan_default_home=home, artifact_root=url, **settings))  # type: ignore[arg-type]

    @property
    def store(self) -> ArtifactStore:
        return artifact_store(self.settings)

    @property
    def cache(self) -> ArtifactCache:
        found = artifact_cache(self.settings)
        assert found is not None
        return found

    @property
    def objects(self) -> ObjectRoot:
        return self.cache.objects

    def publish(self, name: str = "one") -> Registered:
        """Save a model as a training does."""
        registered = put(self.store.root, name)
        self.cache.publish(self.store.root / registered.version)
        return replace(registered, artifact_uri=f"{self.cache.url}/{registered.version}")

    def sign(self, model: Registered) -> str:
        return model_signer(self.settings)(self.store.check(model).required())

    def check_whole(self, model: Registered) -> ArtifactCheck:
        """What `verify` and `doctor` see."""
        return replace(self.store, whole=True).check(model)

    def check_as_service(self, model: Registered) -> ArtifactCheck:
        return replace(self.store, offline=True).check_served(model)
