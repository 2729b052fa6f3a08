"""Pages per second of text PDFs, from the upload to words that can be found, through the HTTP API of a running server.

    python benchmarks/pages.py --url URL --key KEY [--files 20] [--pages 50]

Each page holds forty lines of the texts of a BEIR set, so that nothing is alike. Vectors are off: what is measured is
the upload, the child that parses, the cutting, the rows and the index.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path

import aiohttp
from retrieval import Server

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.sample_files import pdf

LINES, WIDTH = 40, 80


def make_files(data: Path, files: int, pages: int) -> list[bytes]:
    """PDFs of English paragraphs in a random order."""
    rows = (data / "xquad-en" / "corpus.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(row)["text"].encode("ascii", "ignore").decode() for row in rows]
    chosen = random.Random(1)
    made: list[bytes] = []
    for _ in range(files):
        written = "".join(chosen.choices(texts, k=pages * LINES * WIDTH // 500 + 1))
        lines = [written[at : at + WIDTH] for at in range(0, pages * LINES * WIDTH, WIDTH)]
        made.append(pdf(["\n".join(lines[at : at + LINES]) for at in range(0, pages * LINES, LINES)]))
    return made


async def measure(server: Server, files: list[bytes], pages: int) -> None:
    """Prints how long it took, and what came of it."""
    body = {"name": "pages", "type": "document", "kdb_setting": {"embedding": {"mode": "none"}}}
    server.kdb_id = (await server.call("POST", "/add", json=body))["kdb_id"]
    form = aiohttp.FormData({"kdb_id": server.kdb_id})
    for number, content in enumerate(files):
        form.add_field("files", content, filename=f"{number}.pdf", content_type="application/pdf")
    began = time.perf_counter()
    task = (await server.call("POST", "/doc/add_by_files", data=form))["taskId"]
    await server.until("/doc/task_process", {"task_id": task}, lambda data: data["taskProcess"] >= 100)
    spent = time.perf_counter() - began
    passages = (await server.call("GET", "/info", params={"kdb_id": server.kdb_id}))["passages"]
    made = f"{len(files)} files of {pages} pages in {spent:.1f} s"
    print(f"{made}: {len(files) * pages / spent:.0f} pages/s, {passages} passages")


async def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/retrieval"))
    parser.add_argument("--url", required=True, help="a running server")
    parser.add_argument("--key", required=True, help="an API key of it")
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--pages", type=int, default=50)
    wanted = parser.parse_args()
    if not wanted.data.is_dir():
        print(f"skipped: no data in {wanted.data}")
        return
    files = make_files(wanted.data, wanted.files, wanted.pages)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {wanted.key}"}) as session:
        await measure(Server(session, wanted.url, mode="none"), files, wanted.pages)


if __name__ == "__main__":
    asyncio.run(main())
