"""Rows of providers, and the memory of who verified when."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, Sealed, UtcTime


class LlmProviderRow(Row):
    """One provider. Rows with `is_system` have an empty owner."""

    __tablename__ = "llm_providers"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(128))
    base_url: Mapped[str] = mapped_column(String(2048))
    sealed_key: Mapped[str] = mapped_column(Sealed("id"))
    model: Mapped[str] = mapped_column(String(255))
    max_tokens: Mapped[int | None] = mapped_column(Integer)
    max_model_len: Mapped[int | None] = mapped_column(Integer)
    temperature: Mapped[float | None] = mapped_column(Float)
    top_p: Mapped[float | None] = mapped_column(Float)
    presence_penalty: Mapped[float | None] = mapped_column(Float)
    supports_multimodal: Mapped[bool] = mapped_column(Boolean)
    supports_structured_output: Mapped[bool] = mapped_column(Boolean)
    thinking_style: Mapped[str] = mapped_column(String(32))
    prices: Mapped[dict[str, Any] | None] = mapped_column(Json)
    is_default: Mapped[bool] = mapped_column(Boolean)
    is_system: Mapped[bool] = mapped_column(Boolean, index=True)
    group_ids: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class LlmProviderVerificationRow(Row):
    """One verification of the last minute, so that the limit counts over all processes."""

    __tablename__ = "llm_provider_verifications"
    __table_args__ = (Index(None, "user_id", "verified_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    verified_at: Mapped[datetime] = mapped_column(UtcTime)
