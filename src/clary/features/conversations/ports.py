"""What conversations need from those above and beside them."""

from collections.abc import Sequence
from typing import Protocol

from clary.db.session import Session


class RunStopper(Protocol):
    """Ends a run because its conversation goes."""

    async def stop_and_wait(self, run_id: str) -> None:
        """Returns when the run has ended; harmless when it has ended already."""
        ...


class ConversationKeeper(Protocol):
    """Keeps something for conversations."""

    async def forget_conversation(self, db: Session, *, conversation_id: int) -> None:
        """Removes it, in the transaction in which the conversation goes."""
        ...


class SessionWorkspaces(Protocol):
    """Folders of conversations without a saved agent, and of a person's agents."""

    async def delete_agent_workspace(self, user_id: str, agent_id: str) -> None:
        """Removes the folder a person has with an agent; harmless when there is none."""
        ...

    async def delete_session_workspace(self, user_id: str, session_id: str) -> None:
        """Removes one; harmless when there is none."""
        ...


class CitedDocuments(Protocol):
    """Documents that answers cite."""

    async def find_existing(self, db: Session, doc_ids: Sequence[str]) -> frozenset[str]:
        """Those of the documents that are there still."""
        ...
