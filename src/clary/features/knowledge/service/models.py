"""Which model makes the vectors of a base and which one judges its passages (contract product 5.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from clary.db.database import Database
from clary.db.session import Session
from clary.features.knowledge.errors import KnowledgeModelFailedError
from clary.features.knowledge.policy.settings import IndexPlan, chunk_of, embedding_of, reranker_of
from clary.features.knowledge.ports import (
    CallMeters,
    Embedder,
    EmbeddingFailedError,
    ModelEndpoint,
    ModelSource,
    Payer,
    Reranker,
    ResolvedEmbedding,
)
from clary.features.llm_providers.errors import NamedProviderNotFoundError
from clary.features.llm_providers.service import ProviderResolver
from clary.http.problems import OutboundRefusedError
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard

Json = dict[str, Any]
PROBE = "test"


@dataclass(frozen=True, slots=True)
class ServerModels:
    """The operator's choice behind mode `server`."""

    embedding: Literal["provider", "embedded", "none"]
    endpoint: ModelEndpoint | None = None
    reranker: ModelEndpoint | None = None
    provider_batch: int = 32
    provider_timeout_seconds: float = 30.0
    reranker_timeout_seconds: float = 3.0


class KnowledgeModels:
    """Turns what people chose into models. Rights to a provider are looked at anew each time."""

    def __init__(
        self,
        *,
        database: Database,
        source: ModelSource,
        providers: ProviderResolver,
        guard: OutboundGuard,
        server: ServerModels,
        meters: CallMeters,
    ) -> None:
        self.source = source
        self._meters = meters
        self.server = server
        self._database = database
        self._providers = providers
        self._guard = guard
        self._servers_dims: tuple[ModelEndpoint, int] | None = None

    async def resolve(self, *, owner_id: str, settings: Mapping[str, Any]) -> IndexPlan:
        """The check before saving: one test call says what dimensions vectors have. Never with a transaction open.

        Raises:
            NamedProviderNotFoundError: E-PROVIDER. KnowledgeModelFailedError: E-MODEL. OutboundRefusedError: E-URL
        """
        await self.check_reranker(owner_id, settings)
        return IndexPlan(await self.resolve_embedding(owner_id, embedding_of(settings)), chunk_of(settings))

    async def embedder_for(
        self, db: Session, *, owner_id: str, embedding: Mapping[str, Any], payer: Payer | None = None
    ) -> Embedder | None:
        """The model of a version, by what is kept with it; None: its vectors cannot be asked for (any more).

        Its calls are booked on `payer`, else on the owner.

        Raises:
            EmbeddingFailedError: the provider is gone.
        """
        kept = ResolvedEmbedding.from_kept(embedding)
        match kept.mode:
            case "none":
                return None
            case "embedded":
                found = self.source.embedded()
            case "server":
                servers = self.server.endpoint if self.server.embedding == "provider" else None
                found = None if servers is None else self._embedder(replace(servers, dims=kept.dims), payer, owner_id)
            case "provider":
                chosen = {"provider_id": kept.provider_id, "model": kept.model}
                endpoint = await self._provider_endpoint(db, owner_id, chosen, for_use=True)
                endpoint = replace(endpoint, dims=kept.dims, sends_dims=kept.asks_dims)
                found = self._embedder(endpoint, payer, owner_id)
        # After another choice of the operator, vectors of the old model are no use for questions of the new one.
        return found if found is not None and (kept.mode == "provider" or found.model == kept.model) else None

    async def reranker_for(
        self, db: Session, *, owner_id: str, reranker: Mapping[str, Any], payer: Payer
    ) -> Reranker | None:
        """Who judges the passages of a base, by `kdbSetting.reranker`; None: nobody.

        Raises:
            EmbeddingFailedError: the provider is gone.
        """
        chosen = reranker_of({"reranker": dict(reranker)})
        if chosen["mode"] == "provider":
            endpoint = await self._provider_endpoint(db, owner_id, chosen, for_use=True, ranks=True)
        elif chosen["mode"] == "server":
            endpoint = self.server.reranker
        else:
            endpoint = None
        return None if endpoint is None else self.source.reranker(endpoint, self._meters.meter(payer, endpoint))

    def _embedder(self, endpoint: ModelEndpoint, payer: Payer | None, owner_id: str) -> Embedder:
        return self.source.embedder(endpoint, self._meters.meter(payer or Payer(owner_id), endpoint))

    async def list_unusable(self, db: Session, *, owner_id: str, settings: Mapping[str, Any]) -> list[str]:
        """Those of `embedding` and `reranker` in `kdbSetting` that name a provider which this owner may not use."""
        unusable: list[str] = []
        for name, chosen in (("embedding", embedding_of(settings)), ("reranker", reranker_of(settings))):
            if chosen["mode"] != "provider":
                continue
            try:
                await self._providers.require_usable(db, user_id=owner_id, provider_id=chosen.get("provider_id") or "")
            except NamedProviderNotFoundError:
                unusable.append(name)
        return unusable

    def reranker_shown(self, settings: Mapping[str, Any]) -> Json:
        """`{mode, model}` for people."""
        chosen = reranker_of(settings)
        is_servers = chosen["mode"] == "server" and self.server.reranker is not None
        model = self.server.reranker.model if is_servers and self.server.reranker is not None else chosen.get("model")
        return {"mode": chosen["mode"], "model": model or None}

    async def resolve_embedding(self, owner_id: str, chosen: Json) -> ResolvedEmbedding:
        """What makes the vectors of a base of this owner. See `resolve`."""
        mode = chosen["mode"]
        if mode == "server":
            mode = {"provider": "server"}.get(self.server.embedding, self.server.embedding)
        if mode == "none":
            return ResolvedEmbedding("none")
        if mode == "embedded":
            inside = self.source.embedded()
            if inside is None:
                raise KnowledgeModelFailedError("model_not_found")
            return ResolvedEmbedding("embedded", inside.model, inside.dims)
        if mode == "server":
            assert self.server.endpoint is not None
            return ResolvedEmbedding("server", self.server.endpoint.model, await self._servers(owner_id))
        async with self._database.read() as db:
            endpoint = await self._provider_endpoint(db, owner_id, chosen)
        dims = await self._measure(endpoint, owner_id)
        return ResolvedEmbedding("provider", endpoint.model, dims, chosen["provider_id"], endpoint.sends_dims)

    async def _servers(self, owner_id: str) -> int:
        """Asked once in the life of a process, so that new bases do not wait for it."""
        endpoint = self.server.endpoint
        assert endpoint is not None
        if self._servers_dims is None or self._servers_dims[0] != endpoint:
            self._servers_dims = endpoint, await self._measure(endpoint, owner_id)
        return self._servers_dims[1]

    async def _measure(self, endpoint: ModelEndpoint, owner_id: str) -> int:
        try:
            vectors = await self._embedder(endpoint, None, owner_id).embed([PROBE], mode="passage")
        except EmbeddingFailedError as failed:
            raise KnowledgeModelFailedError(failed.kind) from None
        if len(vectors) != 1 or not vectors[0] or len(vectors[0]) % 2:
            raise KnowledgeModelFailedError("provider_bad_response")
        return len(vectors[0]) // 2

    async def check_reranker(self, owner_id: str, settings: Mapping[str, Any]) -> None:
        """One test call of the reranker in `kdbSetting`. See `resolve`."""
        chosen = reranker_of(settings)
        if chosen["mode"] != "provider":
            return
        async with self._database.read() as db:
            endpoint = await self._provider_endpoint(db, owner_id, chosen, ranks=True)
        try:
            await self.source.reranker(endpoint, self._meters.meter(Payer(owner_id), endpoint)).rank(PROBE, [PROBE])
        except EmbeddingFailedError as failed:
            raise KnowledgeModelFailedError(failed.kind) from None

    async def _provider_endpoint(
        self, db: Session, owner_id: str, chosen: Mapping[str, Any], *, for_use: bool = False, ranks: bool = False
    ) -> ModelEndpoint:
        try:
            provider = await self._providers.require_usable(
                db, user_id=owner_id, provider_id=chosen.get("provider_id") or ""
            )
            self._guard.check_url(provider.base_url)
        except NamedProviderNotFoundError:
            if for_use:
                raise EmbeddingFailedError("provider_unreachable") from None
            raise
        except OutboundBlockedError:
            if for_use:
                raise EmbeddingFailedError("provider_unreachable") from None
            raise OutboundRefusedError from None
        dims = None if ranks else chosen.get("dims")
        model = chosen.get("model") or provider.model
        return ModelEndpoint(
            provider.base_url,
            provider.api_key,
            model,
            provider_id=provider.id,
            prices=provider.prices if model == provider.model else None,
            dims=dims,
            sends_dims=dims is not None,
            batch=self.server.provider_batch,
            timeout_seconds=(self.server.reranker_timeout_seconds if ranks else self.server.provider_timeout_seconds),
        )
