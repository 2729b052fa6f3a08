"""Question sets (contract product 5.9)."""

from clary.features.knowledge.guards import Questions
from clary.features.knowledge.payloads.ids import Id
from clary.features.knowledge.payloads.questions import (
    CountResponse,
    EvaluationPage,
    QuestionPage,
    QuestionsRequest,
    RunRequest,
    RunResponse,
)
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork

router = slice_router("/api/knowledge-base/questions", "knowledge")


@router.get("", summary="Read the question set of a knowledge base", openapi_extra=needs("read"))
async def list_questions(
    kdb_id: Id, page: PageOf20, user: CurrentUser, questions: Questions, db: ReadUnit
) -> Envelope[QuestionPage]:
    """Refusals: E-KDB."""
    items, total = await questions.list_questions(db, identity=user, kdb_id=kdb_id, offset=page.offset, limit=page.size)
    return answer(QuestionPage.model_validate({"items": items, "total": total}))


@router.post("", summary="Write the question set of a knowledge base", openapi_extra=needs("write"))
async def put_questions(
    body: QuestionsRequest, user: CurrentUser, questions: Questions, db: UnitOfWork
) -> Envelope[CountResponse]:
    """Refusals: E-KDB, E-KDB-EDIT, E-QUOTA."""
    items = [item.kept() for item in body.items]
    count = await questions.put(db, identity=user, kdb_id=body.kdb_id, items=items, replaces=body.replace)
    return answer(CountResponse(count=count))


@router.post("/run", summary="Run the question set of a knowledge base", openapi_extra=needs("write"))
async def run(body: RunRequest, user: CurrentUser, questions: Questions, db: UnitOfWork) -> Envelope[RunResponse]:
    """Refusals: E-KDB, E-KDB-EDIT."""
    evaluation_id, status = await questions.run(db, identity=user, kdb_id=body.kdb_id, top_k=body.top_k, mode=body.mode)
    return answer(RunResponse(evaluation_id=evaluation_id, status=status))


@router.get("/results", summary="List runs of the question set", openapi_extra=needs("read"))
async def list_results(
    kdb_id: Id, page: PageOf20, user: CurrentUser, questions: Questions, db: ReadUnit
) -> Envelope[EvaluationPage]:
    """Newest first. Refusals: E-KDB."""
    items, total = await questions.list_results(db, identity=user, kdb_id=kdb_id, offset=page.offset, limit=page.size)
    return answer(EvaluationPage.model_validate({"items": items, "total": total}))
